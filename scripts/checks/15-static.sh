# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: sparse, clang with W=1, checkpatch, kernel-doc and, with --deep, coccinelle find nothing in the sources; no call goes up
# kernels: -

# What checkpatch asks for and the sources do not do, and why not:
#   CONSTANT_COMPARISON    it takes KERNEL_VERSION() for a constant on the wrong side
#   LINUX_VERSION_CODE     compat.h exists to hold these; that no other file does is a test below
#   BIT_MACRO              1U << 0 has the type of the flags, which BIT() has not; 1UL << 30 is a size
#   DATA_RACE              a function that only adds up what others change says so once, at its top
#   UNCOMMENTED_DEFINITION it does not see kernel-doc
#   MACRO_ARG_PRECEDENCE   it takes the name of a member for an expression
#   CAMELCASE              names of the kernel's own: TTBRx_EL1_CnP, Elf64_Phdr
#   UNNECESSARY_ELSE       only the middle branch of three returns, the first goes on
IGNORED=CONSTANT_COMPARISON,LINUX_VERSION_CODE,BIT_MACRO,DATA_RACE
IGNORED+=,UNCOMMENTED_DEFINITION,MACRO_ARG_PRECEDENCE,CAMELCASE,UNNECESSARY_ELSE
# Of single files also:
#   VSPRINTF_SPECIFIER_PX  prints where its areas are for a script to find them in /proc/vmallocinfo
#   SPACING                it takes the % of %[word], an operand in asm, for an operator
#   OPEN_ENDED_LINE, PARENTHESIS_ALIGNMENT  tracepoints are laid out as the kernel's own
#   MACRO_ARG_REUSE        a loop names its variable more than once, as the kernel's own loops do
#   MULTISTATEMENT_MACRO_USE_DO_WHILE   it does not take a declaration and an export for declarations
#   AVOID_EXTERNS          the stand-ins are named by object files only, so no header declares them
declare -A ALSO=(["./vmap_vmalloc.c"]="MULTISTATEMENT_MACRO_USE_DO_WHILE,AVOID_EXTERNS"
	["./tests/helpers.c"]=VSPRINTF_SPECIFIER_PX ["./arch/x86.h"]=SPACING
	["./trace.h"]="OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT"
	["./purge.h"]=MACRO_ARG_REUSE ["./space.h"]=MACRO_ARG_REUSE)
# In user/ and lab/user/, which are user-space programs:
#   ARRAY_SIZE, PREFER_DEFINED_ATTRIBUTE_MACRO  these macros are the kernel's
#   AVOID_EXTERNS                               the names are those of libFuzzer and zlib
#   EMBEDDED_FUNCTION_NAME                      a message may hold the word cut
#   NEW_TYPEDEFS                                stand-ins for the kernel's own types
#   MACRO_ARG_REUSE                             swap() names its arguments twice, as the kernel's does
#   MACRO_WITH_FLOW_CONTROL                     __get_kernel_nofault() names a label of its caller's
#   MACRO_ARG_UNUSED                            what the kernel's macro asks for may mean nothing there
IGNORED_IN_USER=$IGNORED,ARRAY_SIZE,PREFER_DEFINED_ATTRIBUTE_MACRO,AVOID_EXTERNS
IGNORED_IN_USER+=,EMBEDDED_FUNCTION_NAME,NEW_TYPEDEFS,MACRO_ARG_REUSE,MACRO_WITH_FLOW_CONTROL
IGNORED_IN_USER+=,MACRO_ARG_UNUSED
# The semantic patches with one of these words are not applied:
#   script:ocaml    they need that compiler; they look for a driver's data and for pointers compared
#                   with 0, which sparse reports as well
#   str_true_false  it and its like are younger than Linux 6.1
NOT_APPLIED='script:ocaml|str_true_false'

# sources [TEST]... - the C files of the tree, or those that pass the tests of find.
sources() {
	(cd "$ROOT" && find . \( -path ./build -o -name '.*' ! -name . -o -name '*.mod.c' \) -prune -o \
		-name '*.[ch]' "$@" -print | sort)
}

# quiet COMMAND... - succeeds if the command does and prints nothing; what it prints is passed on.
quiet() {
	local said status=0

	said=$("$@" 2>&1) || status=$?
	[[ ! $said ]] || printf '%s\n' "$said"
	[[ ! $said ]] && return "$status"
}

# compile - the modules, through clang and sparse; prints the warnings and errors.  No kernel was
# linked here, so modpost knows none of its symbols.
compile() {
	local log=$CHECK_DIR/compile status=0

	make -s -C "$KERNEL_HEADERS" M="$CHECK_DIR/linked" CC=clang W=1 C=2 KBUILD_MODPOST_WARN=1 \
		-j "$(nproc)" modules >"$log" 2>&1 || status=$?
	grep -E ' (warning|error): |\*\*\*' "$log" || true
	return "$status"
}

# checkpatch TYPES FILE... - all types of message but these.
# It looks for names in include/, and leaves a list of them where it is run.
checkpatch() {
	cd "$CHECK_DIR/linked" || exit
	printf '%s\0' "${@:2}" | xargs -0 -n 4 -P "$(nproc)" perl "$KERNEL_SOURCE/scripts/checkpatch.pl" \
		--root "$CHECK_DIR" --no-tree --strict --max-line-length=100 --show-types --terse --no-summary --ignore "$1" --file
}

kernel_doc() {
	cd "$ROOT" || exit
	perl "$KERNEL_SOURCE/scripts/kernel-doc" -none -Wall "${kernel[@]}"
}

version_tests() {
	cd "$ROOT" || exit
	grep -nE 'LINUX_VERSION_CODE|KERNEL_VERSION\(' "${kernel[@]}" | grep -v '^\./compat\.h:' || true
}

# semantic_patches - coccinelle follows no links, so it gets a copy.
semantic_patches() {
	local log=$CHECK_DIR/coccinelle copy=$CHECK_DIR/copy patch

	(cd "$ROOT" && printf '%s\n' "${kernel[@]}" | cpio -pdm --quiet "$copy")
	while read -r patch; do
		timeout "$PATIENCE" make -C "$KERNEL_HEADERS" M="$copy" MODE=report COCCI="$patch" coccicheck \
			>>"$log" 2>&1 || echo "$patch failed: see $log"
	done < <(grep -rLE --include='*.cocci' "$NOT_APPLIED" "$KERNEL_SOURCE/scripts/coccinelle")
	grep "^$copy" "$log" || true
}

need_packages sparse perl cpio
((DEEP == 0)) || need_packages coccinelle
"$ROOT/scripts/testkernel.sh" clang
kernel_use clang
KERNEL_SOURCE=$(realpath "$KERNEL_HEADERS/source")
mapfile -t user < <(sources -path '*user/*')
mapfile -t kernel < <(sources ! -path '*user/*')
mapfile -t plain < <(printf '%s\n' "${kernel[@]}" | grep -vxF "$(printf '%s\n' "${!ALSO[@]}")")
mkdir "$CHECK_DIR/linked" "$CHECK_DIR/copy" "$CHECK_DIR/include"
link_sources "$CHECK_DIR/linked"
expect "clang with W=1 and sparse find nothing in the modules" quiet compile
expect "no call and no include goes up or in a circle, and global names have our prefixes" \
	quiet "$ROOT/scripts/layers.sh" "$CHECK_DIR/linked"
tac "$ROOT/Documentation/internals.rst" | sed 's/layers begin/layers/; s/layers end/layers begin/; s/layers$/layers end/' \
	>"$CHECK_DIR/upside-down.rst"
expect_fail "calls that go up are found when the layers are upside down" \
	"$ROOT/scripts/layers.sh" "$CHECK_DIR/linked" "$CHECK_DIR/upside-down.rst"
expect "checkpatch finds nothing in ${#plain[@]} kernel files" quiet checkpatch "$IGNORED" "${plain[@]}"
for file in "${!ALSO[@]}"; do
	expect "checkpatch finds nothing in $file" quiet checkpatch "$IGNORED,${ALSO[$file]}" "$file"
done
expect "checkpatch finds nothing in ${#user[@]} user files" quiet checkpatch "$IGNORED_IN_USER" "${user[@]}"
expect "kernel-doc finds nothing" quiet kernel_doc
expect "only compat.h asks for the kernel's version" quiet version_tests
((DEEP == 0)) || expect "coccinelle's kernel patches find nothing" quiet semantic_patches
