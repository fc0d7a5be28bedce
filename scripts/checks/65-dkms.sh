# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the Debian package builds by DKMS for each kernel that comes, skips others, leaves nothing; its modules work
# deep: -

# A Debian 12 of its own, with a kernel's headers and dkms; made once, and copied for each run.
BASE=$BUILD/dkms
TREE=$CHECK_DIR/tree
VERSION=$(sed -n 's/^#define VMAP_ARENA_VERSION[[:space:]]*"\(.*\)".*/\1/p' "$ROOT/vmap_alloc.h")
UNSUPPORTED=5.10.0-1-amd64

make_base() {
	rm -rf "$BASE.new"
	mmdebstrap --mode=root --variant=apt --include=dkms,linux-headers-amd64 \
		--aptopt='Acquire::Check-Valid-Until "false"' bookworm "$BASE.new" \
		"deb $(debian_mirror) bookworm main" \
		"deb http://deb.debian.org/debian-security bookworm-security main" &&
		mv "$BASE.new" "$BASE"
}

# in_tree COMMAND... - in the tree, with a /proc: objtool wants one.
in_tree() {
	unshare --mount --pid --fork --kill-child --mount-proc="$TREE/proc" \
		chroot "$TREE" env DEBIAN_FRONTEND=noninteractive "$@"
}

apt_in_tree() {
	in_tree apt-get -q -y -o APT::Sandbox::User=root --no-install-recommends "$@"
}

dkms_in_tree() {
	in_tree dkms "$1" -m vmap-arena -v "$VERSION" "${@:2}"
}

# installed KERNEL - does DKMS say so, and are both modules there?
installed() {
	dkms_in_tree status -k "$1" >"$CHECK_DIR/status" && cat "$CHECK_DIR/status" &&
		grep -q ': installed$' "$CHECK_DIR/status" &&
		ls "$TREE/lib/modules/$1/updates/dkms"/vmap_arena.ko* \
			"$TREE/lib/modules/$1/updates/dkms"/vmap_stress.ko*
}

has_version() {
	[[ $(modinfo -F version "$TREE/lib/modules/$1/updates/dkms/vmap_arena.ko") == "$VERSION" ]]
}

# wanted KERNEL ARCH - does dkms.conf say so, read as 3.0.10 reads it?
wanted() (
	# shellcheck disable=SC2030 # dkms.conf reads them
	kernelver=$1 arch=$2 kernel_source_dir='' dkms_tree=''
	read_conf() {
		# shellcheck disable=SC2034
		local kernelver='' arch=''
		# shellcheck source=dkms.conf
		. "$ROOT/dkms.conf"
		[[ $AUTOINSTALL && $PACKAGE_VERSION == "$VERSION" ]]
	}
	read_conf
)

# kernel_comes KERNEL - what its headers' package runs when it is installed.
kernel_comes() {
	in_tree /etc/kernel/header_postinst.d/dkms "$1"
}

# skipped - an unsupported kernel comes, and DKMS leaves it alone.
skipped() {
	kernel_comes "$UNSUPPORTED" && [[ ! -e $TREE/lib/modules/$UNSUPPORTED/updates ]] &&
		[[ ! -e $TREE/var/lib/dkms/vmap-arena/$VERSION/$UNSUPPORTED ]]
}

only_added() {
	dkms_in_tree remove --all && dkms_in_tree add && dkms_in_tree status | grep 'added$'
}

# arrivals COMMAND... - the package comes by the command, then kernels do.
arrivals() {
	local dkms

	dkms=$(in_tree dkms --version)
	expect "$dkms: the package can be installed beside an unsupported kernel" "$@"
	expect "$dkms: the modules are installed for $first" installed "$first"
	expect "$dkms: an unsupported kernel that comes is skipped without an error" skipped
	expect_fail "$dkms: nor can they be built for it" dkms_in_tree build -k "$UNSUPPORTED"
	expect "$dkms: the modules are taken out of all kernels" only_added
	expect "$dkms: a module that is built then says what is missing" says_what_is_missing
	expect "$dkms: an unsupported kernel is skipped then, too" skipped
	expect "$dkms: a supported one is not" kernel_comes "$first"
	expect "$dkms: the modules are installed for $first then" installed "$first"
}

# newer_dkms - put the DKMS of trixie into the tree; it is a script, and wants nothing of its suite.
newer_dkms() {
	(cd "$TREE" && use_suite_apt trixie && apt-get -q download dkms && mv dkms_*.deb dkms.deb) &&
		in_tree dpkg -i --force-depends /dkms.deb
}

# module FILE KERNEL - FILE.ko as it was installed, unpacked if it was compressed, in $MODULES.
module() {
	xz -dcf "$TREE/lib/modules/$2/updates/dkms/$1.ko"* >"$MODULES/$1.ko"
}

build_example() {
	rm -rf "$TREE/example"
	cp -r "$TREE/usr/share/doc/vmap-arena-dkms/examples/vmap_example" "$TREE/example"
	in_tree make -C "/lib/modules/$1/build" M=/example modules >"$CHECK_DIR/example-$1.log" 2>&1
	cat "$CHECK_DIR/example-$1.log"
	! grep -iE 'warning|error' "$CHECK_DIR/example-$1.log" &&
		modinfo -F depends "$TREE/example/vmap_example.ko" | grep -x vmap_arena
}

says_what_is_missing() {
	! build_example "$first" && grep 'vmap_arena was not built for' "$CHECK_DIR/example-$first.log"
}

nothing_left() {
	find "$TREE/usr" "$TREE/var/lib/dkms" "$TREE/lib/modules" "$TREE/etc" \( -name 'vmap[-_]arena*' \
		-o -path '*/updates/dkms/*' \) -print | tee "$CHECK_DIR/left"
	[[ ! -s $CHECK_DIR/left ]]
}

# in_second - boot the second kernel with the modules that were built for it.
in_second() {
	MODULES=$CHECK_DIR/modules
	mkdir -p "$MODULES"
	module vmap_arena "$second"
	module vmap_stress "$second"
	cp "$TREE/example/vmap_example.ko" "$MODULES/"
	# shellcheck disable=SC2034 # for in_guest
	KERNEL=$TREE/boot/vmlinuz-$second
	in_guest dkms.sh
}

# newest_kernel - of those in the tree, the one installed last.
newest_kernel() {
	find "$TREE/lib/modules" -mindepth 1 -maxdepth 1 -name '[6-9]*' -printf '%f\n' | sort -V | tail -n 1
}

((EUID == 0)) || skip_all "only root can use chroot"
need_packages mmdebstrap kmod xz-utils
{
	flock 9
	[[ -d $BASE ]] || make_base || skip_all "no tree of Debian 12 can be had"
} 9>"$BASE.lock"
trap 'rm -rf "$TREE"' EXIT
cp -a --reflink=auto "$BASE" "$TREE"
cp -L /etc/resolv.conf "$TREE/etc/resolv.conf"
first=$(newest_kernel)
mkdir -p "$TREE/lib/modules/$UNSUPPORTED"
ln -s "$(readlink "$TREE/lib/modules/$first/build")" "$TREE/lib/modules/$UNSUPPORTED/build"

# shellcheck disable=SC2013 # these are words
for kernel in $(sed -nE 's/^# (kernels|deep): //p' "$ROOT/scripts/checks/10-build.sh"); do
	arch=x86_64
	[[ $kernel != *-arm64* ]] || arch=aarch64
	expect "dkms.conf has the modules built for ${kernel%%-*} on $arch" wanted "${kernel%%-*}.0-1" "$arch"
done
expect_fail "but not for $UNSUPPORTED" wanted "$UNSUPPORTED" x86_64
expect_fail "nor on riscv64" wanted "${STOCK_KERNELS[0]}" riscv64
expect "for some kernel, if none is named" wanted '' ''
expect "the package is built" "$ROOT/scripts/package.sh" deb
cp "$BUILD/vmap-arena-dkms_${VERSION}_all.deb" "$TREE/package.deb"

arrivals apt_in_tree install /package.deb
expect "the version of the modules is $VERSION" has_version "$first"
expect "modprobe test_vmalloc would find the stress module" \
	grep -x 'alias test_vmalloc vmap_stress' "$TREE/lib/modules/$first/modules.alias"
expect "a module is built against what is installed, for $first" build_example "$first"
conf=$TREE/usr/src/vmap-arena-$VERSION/dkms.conf
sed -i.kept 's/^\tAUTOINSTALL=$/&yes/' "$conf"
expect_fail "were the unsupported one not skipped, its installation would fail" skipped
mv "$conf.kept" "$conf"

if apt_in_tree update && apt_in_tree install --download-only linux-headers-6.12-amd64; then
	expect "a second kernel is installed" apt_in_tree install linux-headers-6.12-amd64
	second=$(newest_kernel)
	expect "DKMS has installed the modules for $second, too" installed "$second"
	expect "a module is built against what is installed, for $second" build_example "$second"
	in_second
	expect "the package can be installed again" apt_in_tree install --reinstall /package.deb
	expect "DKMS has installed the modules for $second again" installed "$second"
	expect "a kernel that goes takes the modules along" apt_in_tree purge '^linux-image-6.12.*'
	expect_fail "and no more is left of them" installed "$second"
else
	skip "a second kernel is installed" "apt cannot get linux-headers-6.12-amd64"
fi
expect "the package can be removed" apt_in_tree purge vmap-arena-dkms
expect "nothing of it is left" nothing_left

if newer_dkms; then
	arrivals in_tree dpkg -i /package.deb
	expect "a module is built against what is installed, for $first" build_example "$first"
	expect "the package can be removed" in_tree dpkg -P vmap-arena-dkms
	expect "nothing of it is left" nothing_left
else
	skip "a newer DKMS does the same" "that of trixie cannot be had"
fi
