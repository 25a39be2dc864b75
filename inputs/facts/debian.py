#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""debian.py countries|languages|zones|packages > TABLE.tsv: a table of facts from what Debian ships.

countries, languages   ISO 3166-1 and 639-3, of the package iso-codes
zones                  time zones, of the package tzdata
packages               the package index on standard input: apt-cache dumpavail, or /var/lib/dpkg/status"""
import json
import sys

ISO = "/usr/share/iso-codes/json/iso_{}.json"
ZONES = "/usr/share/zoneinfo/zone1970.tab"
FIELDS = ("Section", "Priority", "Maintainer", "Version", "Installed-Size", "Homepage")


def iso(number):
    """Each entry's keys but those that are no facts of its own."""
    with open(ISO.format(number), encoding="utf-8") as file:
        entries = json.load(file)[number]
    for entry in entries:
        name = entry.pop("name")
        for key, value in entry.items():
            if key != "flag":
                yield name, key, value


def zones():
    with open(ZONES, encoding="utf-8") as file:
        for line in file:
            if line.startswith("#"):
                continue
            cells = line.rstrip("\n").split("\t")
            for key, value in zip(("countries", "place", None, "about"), cells):
                if key:
                    yield cells[2], key, value


def packages():
    """Where a package stands twice its first entry is taken."""
    seen = set()
    name = None
    for line in sys.stdin:
        key, mark, value = line.rstrip("\n").partition(": ")
        if key == "Package":
            name = value if value not in seen else None
            seen.add(value)
        elif mark and name and key in FIELDS and value.strip():
            yield name, key.lower(), value


TABLES = {"countries": lambda: iso("3166-1"), "languages": lambda: iso("639-3"), "zones": zones,
          "packages": packages}


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in TABLES:
        sys.exit(__doc__)
    print("name\tattribute\tvalue")
    for row in TABLES[sys.argv[1]]():
        print("\t".join('"' + cell.replace('"', '""') + '"' if '"' in cell else " ".join(cell.split())
                        for cell in row))


if __name__ == "__main__":
    main()
