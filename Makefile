# SPDX-License-Identifier: GPL-2.0
#
# Builds the modules for one kernel, and is a short name for the scripts.  The scripts build for
# the kernels they boot by themselves, below build/, and need nothing from here.

KDIR ?= /lib/modules/$(shell uname -r)/build
TRACE ?= lab/traces/boot.trace.gz

.DEFAULT_GOAL := all

##@ For a kernel of yours: KDIR is its build directory, by default the running kernel's
all: headers ## build vmap_arena.ko and test_vmalloc.ko here
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

install: headers ## build, and install where modprobe finds them: vmap_arena and vmap_stress
	$(MAKE) -C $(KDIR) M=$(CURDIR) VMAP_PACKAGED=y modules
	$(MAKE) -C $(KDIR) M=$(CURDIR) VMAP_PACKAGED=y CONFIG_MODULE_SIG_ALL= modules_install
	depmod -b "$(INSTALL_MOD_PATH)/" "$$($(MAKE) -s -C $(KDIR) kernelrelease)"

dkms: ## have DKMS build and install them, for the running kernel or KERNEL=RELEASE
	scripts/package.sh dkms

deb: ## make a Debian package, vmap-arena-dkms, for any kernel
	scripts/package.sh deb

##@ In stock Debian kernels, in QEMU: ARGS are the script's options, ARGS=--help says which
run: ## run the stress test on 6.1 and 6.12 and print the tables
	scripts/run.sh $(ARGS)

check: ## run all checks; ARGS=--quick: those of the inner loop
	scripts/check.sh $(ARGS)

soak: ## run all stress tests at once for ten minutes
	scripts/soak.sh $(ARGS)

mutate: ## put known bugs into the code, and see whether the tests notice
	scripts/mutate.sh $(ARGS)

bench: ## count the instructions of an allocation and a free in 6.12, ours and the peers'
	scripts/bench.sh $(ARGS)

bench-native: ## time ours and the kernel's own as user programs; THREADS=N: on up to N CPUs; count cache misses
	scripts/bench-native.sh $(THREADS:%=--threads %) $(ARGS)

##@ The lab: what would another index structure do?
record: ## record what vmalloc does while a guest boots; ARGS="--out FILE -- COMMAND": here
	scripts/record.sh $(or $(ARGS),--out build/boot.trace.gz --boot)

replay: ## replay a TRACE, by default one of a boot, on every index structure
	scripts/replay.sh $(ARGS) $(TRACE)

rfc: ## repeat the 2018 RFC's comparison of the old algorithm with the new
	scripts/rfc.sh $(ARGS)

##@ Tidying
clean: ## delete what all has made
	find . \( -path ./build -o -path ./.git \) -prune -o -type f \( -name '*.o' -o -name '*.ko' \
		-o -name '*.mod' -o -name '*.mod.c' -o -name '.*.cmd' -o -name '.*.d' \
		-o -name Module.symvers -o -name modules.order \) -exec rm -f {} +

distclean: clean ## delete the kernels, results and logs below build/, too
	rm -rf build

help: ## print this text
	@awk -F ':.*## ' '/^##@ / { print substr($$0, 5) } /^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' \
		$(firstword $(MAKEFILE_LIST))

headers:
	@test -e $(KDIR)/Module.symvers || { \
		echo "no kernel headers in $(KDIR): install linux-headers-$(shell uname -r)," \
			"or give KDIR=DIRECTORY" >&2; exit 1; }

.PHONY: all install dkms deb run check soak mutate bench bench-native record replay rfc clean distclean help headers
