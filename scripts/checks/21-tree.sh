# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the tree of a developer's own kernel is run, or refused with what is wrong with it
# kernels: debug

RUN=$ROOT/scripts/run.sh
fake=$CHECK_DIR/fake

# will_not_run WORDS PATH - run.sh will have nothing to do with it, and says so.
will_not_run() {
	local status=0 said

	said=$("$RUN" --kernel "$2" 2>&1) || status=$?
	[[ $status == 2 && $said == *"$1"* ]] || {
		echo "status $status: $said"
		return 1
	}
}

use_test_kernel "$1"
tree=$KERNEL_HEADERS
expect "refused: a path that is not there" will_not_run "nor a path of a build tree or an image" "$fake"
expect "refused: a file that is no image" will_not_run "is not an x86 Linux boot image" "$ROOT/README"
mkdir -p "$fake/include/config" "$fake/arch/x86/boot"
expect "refused: a directory that is no build tree" will_not_run "is no tree that a kernel was built in" "$fake"
cp "$tree/.config" "$fake/"
cp "$tree/include/config/kernel.release" "$fake/include/config/"
expect "refused: a tree without an image" will_not_run "has no arch/x86/boot/bzImage" "$fake"
ln -s "$tree/arch/x86/boot/bzImage" "$fake/arch/x86/boot/"
expect "refused: a tree without the symbols that modules want" will_not_run "has no Module.symvers" "$fake"
expect "likewise by the path of its image" will_not_run "has no Module.symvers" "$fake/arch/x86/boot/bzImage"
cp "$tree/Module.symvers" "$fake/"
sed -i '/^CONFIG_BLK_DEV_INITRD=/d' "$fake/.config"
expect "refused: a kernel that no guest can run" will_not_run "it lacks CONFIG_BLK_DEV_INITRD" "$fake"
expect "the modules are built for a tree, and its kernel runs them" "$RUN" --kernel "$tree" --loops 10 \
	--results "$CHECK_DIR/results" --timeout "$PATIENCE" -- target=arena run_test_mask=1
expect "the table is of that kernel" ls "$CHECK_DIR/results/$KERNEL_RELEASE/results.json"
