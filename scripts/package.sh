#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# package.sh - hand the modules to DKMS, which builds them for the kernels that are installed.
#
# usage: scripts/package.sh dkms | deb | --help
#
#   dkms    add this tree to DKMS, and build and install for a kernel: the running one, or KERNEL from
#           the environment; takes the place of an earlier one of the same version
#   deb     build/vmap-arena-dkms_VERSION_all.deb: a package that does so, and brings vmap_alloc.h and
#           vmap_vmalloc.h in /usr/include/vmap-arena/, vmap-arena.mk for the Kbuild of a module that uses it in
#           /usr/share/vmap-arena/, and, below its documentation, examples: of such a module, and for
#           /etc/modprobe.d/
#
# Only what the two modules are built from is taken along.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

NAME=vmap-arena
VERSION=$(sed -n 's/^#define VMAP_ARENA_VERSION[[:space:]]*"\(.*\)".*$/\1/p' "$ROOT/vmap_alloc.h")
STAGE=$BUILD/package

# stage DIR - the sources of the two modules.
stage() {
	mkdir -p "$1/arch" "$1/stress" "$1/scripts"
	find "$ROOT" -maxdepth 1 -name '*.[ch]' ! -name '*.mod.c' -exec cp -t "$1" {} +
	cp -t "$1" "$ROOT/Kbuild" "$ROOT/dkms.conf" "$ROOT/vmap-arena.mk" "$ROOT/COPYING"
	cp -t "$1/arch" "$ROOT"/arch/*.h
	cp -t "$1/stress" "$ROOT"/stress/*.[ch]
	cp -t "$1/scripts" "$ROOT/scripts/dkms-post-build.sh"
}

# not_from_package - refuse to touch what belongs to the installed package.
not_from_package() {
	! dpkg-query -S "/usr/src/$NAME-$VERSION/dkms.conf" >/dev/null 2>&1 ||
		die "the package $NAME-dkms is installed: remove it first, or build it anew with make deb"
}

make_dkms() {
	local kernel=${KERNEL:-$(uname -r)}

	((EUID == 0)) || die "only root can add modules to DKMS"
	not_from_package
	need_packages dkms make
	[[ -e /lib/modules/$kernel/build/include ]] ||
		die "no kernel headers in /lib/modules/$kernel/build: install linux-headers-$kernel," \
			"or give KERNEL=RELEASE"
	if [[ $(dkms status -m "$NAME" -v "$VERSION") ]]; then
		dkms remove -m "$NAME" -v "$VERSION" --all
	fi
	rm -rf "/usr/src/$NAME-$VERSION"
	stage "/usr/src/$NAME-$VERSION"
	dkms add -m "$NAME" -v "$VERSION"
	dkms build -m "$NAME" -v "$VERSION" -k "$kernel"
	dkms install -m "$NAME" -v "$VERSION" -k "$kernel"
}

# control - what dpkg is to know of the package.
control() {
	cat <<-EOF
		Package: $NAME-dkms
		Version: $VERSION
		Architecture: all
		Maintainer: vmap_arena maintainers <maintainers@localhost>
		Section: kernel
		Priority: optional
		Depends: dkms (>= 3.0.10)
		Recommends: linux-headers-generic | linux-headers-amd64 | linux-headers-arm64
		Installed-Size: $(du -sk --exclude=DEBIAN "$STAGE" | cut -f 1)
		Description: alternate allocator of vmalloc areas (DKMS)
		 A kernel module with an alternate allocator of vmalloc areas, for drivers and for
		 those who study it, and a stress test of it and of the kernel's own vmalloc.
		 DKMS builds both for each kernel whose headers are installed.
	EOF
}

make_deb() {
	local doc=$STAGE/usr/share/doc/$NAME-dkms script

	need_packages dpkg
	rm -rf "$STAGE"
	mkdir -p "$STAGE/DEBIAN" "$STAGE/usr/include/$NAME" "$STAGE/usr/share/$NAME" \
		"$STAGE/usr/lib/modprobe.d" "$doc/examples/vmap_example" "$doc/examples/vmap_driver"
	stage "$STAGE/usr/src/$NAME-$VERSION"
	cp -t "$STAGE/usr/include/$NAME" "$ROOT/vmap_alloc.h" "$ROOT/vmap_vmalloc.h"
	cp -t "$STAGE/usr/share/$NAME" "$ROOT/vmap-arena.mk"
	cp "$ROOT/packaging/modprobe.conf" "$STAGE/usr/lib/modprobe.d/$NAME.conf"
	cp -t "$doc" "$ROOT/README" "$ROOT/packaging/copyright"
	cp -t "$doc/examples" "$ROOT/packaging/vmap-arena.conf"
	cp -t "$doc/examples/vmap_example" "$ROOT"/packaging/example/{Kbuild,vmap_example.c}
	cp -t "$doc/examples/vmap_driver" "$ROOT"/examples/vmap_driver/{Kbuild,vmap_driver.c}
	for script in postinst prerm; do
		sed "s/@VERSION@/$VERSION/g" "$ROOT/packaging/$script" >"$STAGE/DEBIAN/$script"
	done
	chmod -R u=rwX,go=rX "$STAGE"
	chmod 755 "$STAGE"/DEBIAN/p*
	control >"$STAGE/DEBIAN/control"
	dpkg-deb --root-owner-group --build "$STAGE" "$BUILD/${NAME}-dkms_${VERSION}_all.deb"
}

case ${1-} in
dkms) make_dkms ;;
deb) make_deb ;;
--help) usage ;;
*) die "one of dkms, deb: see --help" ;;
esac
