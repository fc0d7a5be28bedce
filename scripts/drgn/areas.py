# SPDX-License-Identifier: GPL-2.0
"""
areas.py - list the areas of arenas, of the kernel that runs or of one that crashed

usage: drgn --no-default-symbols areas.py --module vmap_arena.ko [--all] [ARENA...]
       drgn -c VMCORE -s VMLINUX -s vmap_arena.ko areas.py [--all] [ARENA...]

A line for each area that is live: first byte, the byte after the last one, bytes, state, whose code
allocated it.  In a range arena units stand for bytes.  The bytes are those that the extent takes, with
the guard page; debugfs lists the same areas without it.  Below each arena: areas and bytes.

  --module FILE  the module that runs, with its debug information, as it was built: all that it takes for
                 the kernel that runs, as root.  For a core drgn needs the kernel's own, too, to find the
                 modules: VMLINUX with DWARF, as Debian's package linux-image-VERSION-dbg has it.  Where the
                 callers are in other modules, their names take those modules, too (-s).
  --all          list all that an arena has instead, with its state: free, lazy, cached, ...

It reads memory without any lock.  If the kernel runs, areas come and go meanwhile: an arena that changes
under the walk is said so, and may be asked for again.  For --module drgn has to be 0.0.31 or newer.
"""

import argparse
import bisect
import pathlib

from drgn import FaultError, ProgramFlags, cast
from drgn.helpers.linux.list import list_for_each_entry

SYSFS = pathlib.Path("/sys/module/vmap_arena")
# Bytes of an ELF note before what it says: three words, and the name GNU.
NOTE_HEADER = 16

# vmap_extent.below[VEXT_RIGHT] of an extent that is not free: macros, which DWARF does not have.
VEXT_RIGHT = 0
VEXT_NOT_FREE = 0xFFFFFFFF


def states():
    """The names of enum vmap_state, by number: busy, slot, ..."""
    return {
        value: name[len("VMAP_"):].lower()
        for name, value in prog.type("enum vmap_state").enumerators
    }


def tiles(span):
    """Each extent of a span, in order of address: the marker closes the ring."""
    marker = span.marker.address_of_()
    extent, end = span.marker.next, span.start.value_()
    while extent != marker:
        start = extent.start.value_()
        if start != end or extent.size == 0:
            raise RuntimeError(f"the extent at {extent.value_():#x} does not follow the one before it")
        end = start + extent.size.value_()
        yield extent
        extent = extent.next
    if end != span.end:
        raise RuntimeError("the extents do not fill their span")


def state_of(extent, names):
    """Free, or the name of the state."""
    if extent.below[VEXT_RIGHT] != VEXT_NOT_FREE:
        return "free"
    return names.get(extent.state.value_(), "unknown")


def find_module(path):
    """Tell drgn where the kernel has put the sections of the module that runs."""
    sections = {file.name: int(file.read_text(), 16) for file in (SYSFS / "sections").iterdir()}
    module = prog.relocatable_module("vmap_arena", sections[".text"], create=True)
    for name, address in sections.items():
        module.section_addresses[name] = address
    module.build_id = (SYSFS / "notes/.note.gnu.build-id").read_bytes()[NOTE_HEADER:]
    module.try_file(path)
    if module.wants_debug_file():
        raise SystemExit(f"{path} is not the module that runs, or has no debug information")


def running_symbols():
    """The functions of the kernel that runs, with its modules', by address."""
    with open("/proc/kallsyms", encoding="ascii") as lines:
        fields = (line.split() for line in lines)
        return sorted((int(address, 16), name) for address, kind, name, *_ in fields if kind in "tT")


class Callers:
    """Names of functions: drgn's, or those of the kernel that runs."""

    def __init__(self):
        live = prog.flags & ProgramFlags.IS_LIVE
        self.symbols = running_symbols() if live else []

    def name(self, address):
        """The function that a code address is in."""
        at = bisect.bisect(self.symbols, (address, chr(0x10FFFF))) - 1
        if at >= 0:
            start, name = self.symbols[at]
            return f"{name}+{address - start:#x}"
        try:
            symbol = prog.symbol(address)
        except LookupError:
            return f"{address:#x}"
        return f"{symbol.name}+{address - symbol.address:#x}"


def spaces(arena):
    """The space of each shard of an arena."""
    space = arena.cache.purge.space.address_of_()
    while space:
        yield space
        space = space.next


def spans(arena):
    """The spans of all shards of an arena."""
    for space in spaces(arena):
        yield from list_for_each_entry("struct vmap_span", space.spans.address_of_(), "link")


def show_arena(arena, names, callers, everything):
    """The areas of one arena, and their sum."""
    space = arena.cache.purge.space
    held = {"busy", "slot", "movable"}
    count = total = 0
    print(f"arena {space.name.string_().decode()}:")
    for span in spans(arena):
        for extent in tiles(span):
            state, size = state_of(extent, names), extent.size.value_()
            if not everything and state not in held:
                continue
            start = extent.start.value_()
            caller = "-"
            if state in held:
                caller = callers.name(cast("unsigned long", extent.caller).value_())
            print(f"{start:#018x}-{start + size:#018x} {size} {state} {caller}")
            count, total = count + 1, total + size
    print(f"{count} {'extents' if everything else 'areas'}, {total} {'bytes' if space.memory else 'units'}")


def main():
    parser = argparse.ArgumentParser(description="list the areas of arenas")
    parser.add_argument("--module", help="vmap_arena.ko as it runs")
    parser.add_argument("--all", action="store_true", help="whatever the state")
    parser.add_argument("arena", nargs="*", help="only these arenas")
    options = parser.parse_args()
    if options.module:
        find_module(options.module)
    names, callers = states(), Callers()
    missing = set(options.arena)
    for arena in list_for_each_entry("struct vmap_arena", prog["varena_list"].address_of_(), "link"):
        name = arena.cache.purge.space.name.string_().decode()
        missing.discard(name)
        if options.arena and name not in options.arena:
            continue
        try:
            show_arena(arena, names, callers, options.all)
        except (FaultError, RuntimeError) as changed:
            print(f"arena {name} changed meanwhile: {changed}")
    if missing:
        raise SystemExit(f"there is no arena {', '.join(sorted(missing))}")


main()
