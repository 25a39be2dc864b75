# SPDX-License-Identifier: BSD-3-Clause
"""layers.py [ROOT]: does the tree keep its rules: doors, layers, headers, licence lines?"""

import re
import sys
from pathlib import Path

LEVELS = {"base": 0, "math": 1, "config": 1, "comm": 1, "types": 1, "io": 2, "data": 3, "nn": 3,
          "optim": 3, "train": 4, "measure": 4, "record": 4, "plan": 5, "transform": 5, "run": 6, "sweep": 7, "cli": 8}
# Neighbours on one level that may be looked at; all others on one level may not.
BESIDE = {("config", "types"), ("comm", "types"), ("optim", "nn")}

# What marks a library in code, and the only places (prefixes of paths) where it may stand.
DOORS = {
    "MPI": (r"\bMPI_\w+|<mpi\.h>", ("src/comm/", "src/io/", "include/kcap/comm/mpi.h")),
    "HDF5": (r"\bH5[A-Z]\w*|\bhid_t\b|\bherr_t\b|<hdf5\w*\.h>",
             ("src/io/", "include/kcap/io/")),
    "BLIS": (r"\bbli_\w+|\bBLIS_\w+|\bcblas_\w+|<(blis|cblas)\.h>", ("src/math/gemm_blis.c",)),
    "libyaml": (r"\byaml_\w+_t\b|<yaml\.h>", ("src/config/",)),
    "cJSON": (r"\bcJSON\w*|cJSON\.h", ("src/io/json.c", "include/kcap/io/json.h", "src/cli/")),
    "Random123": (r"\bphilox\d\w*|\bthreefry\d\w*|\bR123_\w+|<Random123/", ("src/base/rng.c",)),
    "PCRE2": (r"\bpcre2_\w+|\bPCRE2_\w+|<pcre2\.h>", ("src/data/word/pretoken.c",)),
    "utf8proc": (r"\butf8proc_\w+|\bUTF8PROC_\w+|<utf8proc\.h>", ("src/base/alike.c",)),
    # Its order is the compiler's; that of kcap/math/ops.h is the same for vectors of any width.
    "a sum by omp simd": (r"\bsimd\s+reduction\b", ("src/math/ops.c",)),
    "xxHash": (r"\bXXH(?:32|64|3|128|_)\w*|<xxhash\.h>",
               ("src/config/", "src/io/")),
}
PYTHON_DOORS = {"h5py": (r"^ *(?:import|from) h5py\b",
                         ("analysis/kcap_files.py", "analysis/kcap_checkpoint.py"))}

CODE = (".c", ".h", ".def", ".py", ".sh", ".slurm", ".pbs", ".cmake")
CODE_NAMES = ("CMakeLists.txt", ".clang-format")
FOLDERS = ("src", "include", "tests", "analysis", "jobscripts", ".ci")


def bare(text):
    """C without comments and texts, but with the names of included files."""
    token = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''

    def blank(match):
        before = text[text.rfind("\n", 0, match.start()) + 1:match.start()]
        if match.group().startswith('"') and before.strip().startswith("#include"):
            return match.group()
        return re.sub(r"[^\n]", " ", match.group())
    return re.sub(token, blank, text, flags=re.S)


def c_files(root):
    """(path from the root, bare text) of the program's C files."""
    for folder in ("src", "include/kcap"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".c", ".h", ".def"):
                yield path.relative_to(root).as_posix(), bare(path.read_text(encoding="utf-8"))


def python_files(root):
    """(path from the root, text) of the programs in Python."""
    for path in sorted((root / "analysis").glob("*.py")):
        yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")


def doors(name, text, table=DOORS):
    """Libraries used elsewhere than at their door."""
    for library, (mark, places) in table.items():
        if name.startswith(places):
            continue
        for match in re.finditer(mark, text, re.M):
            row = text.count("\n", 0, match.start()) + 1
            yield f"{name}:{row}: {match.group()}: {library} only in {', '.join(places)}"


def layer(name):
    """The layer of src/LAYER/.../x.c or include/kcap/LAYER/.../x.h; src/main.c is of the cli."""
    parts = name.removeprefix("include/kcap/").removeprefix("src/").split("/")
    return "cli" if parts == ["main.c"] else parts[0]


def included(text):
    """(path of the file, row) of every header of kcap that a text includes."""
    for match in re.finditer(r'#include\s+"([^"]+)"', text):
        path = match.group(1)
        if "/" in path:
            where = "include" if path.startswith("kcap/") else "src"
            yield f"{where}/{path}", text.count("\n", 0, match.start()) + 1


def includes(name, text):
    """Includes that do not point downwards, layers nobody knows, other layers' own headers."""
    here = layer(name)
    if here not in LEVELS:
        yield f"{name}: layer {here} is not one of {', '.join(LEVELS)}"
        return
    for path, row in included(text):
        there = layer(path)
        if there not in LEVELS:
            yield f"{name}:{row}: includes the unknown layer {there}"
        elif there != here and path.startswith("src/"):
            yield f"{name}:{row}: {path} is {there}'s own; include/kcap holds what others may use"
        elif there != here and (here, there) not in BESIDE and LEVELS[there] >= LEVELS[here]:
            yield f"{name}:{row}: {here} may not include {there}: dependencies point downwards"


def module(name):
    """layer/.../x of src/layer/.../x.c and of its header, wherever that stands."""
    return name.removeprefix("include/kcap/").removeprefix("src/").rpartition(".")[0]


def circles(files):
    """Modules that call each other, directly or through others."""
    bodies = {module(name): text for name, text in files.items() if name.endswith(".c")}
    home = {function: name for name, text in bodies.items()
            for function in re.findall(r"^\w[\w \*]*?\b(kc_\w+)\([^;{]*\{", text, re.M)}
    needs = {name: {home[word] for word in re.findall(r"\bkc_\w+", text) if word in home} - {name}
             for name, text in bodies.items()}

    def reached(start):
        seen, todo = set(), [start]
        while todo:
            for other in needs[todo.pop()]:
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        return seen
    reach = {name: reached(name) for name in needs}
    told = set()
    for name in sorted(needs):
        circle = {other for other in reach[name] if name in reach[other]}
        if len(circle) > 1 and name not in told:
            told |= circle
            yield f"{', '.join(sorted(circle))}: a circle: each calls the others"


def declared(text):
    """Functions of kcap declared here, outside of bodies, structs and macros."""
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", "", text, flags=re.M)
    while re.search(r"\{[^{}]*\}", code):
        code = re.sub(r"\{[^{}]*\}", " @ ", code)
    return set(re.findall(r"\b(kc_\w+)\s*\([^@;]*\)[^@;]*;", code))


def own_headers(name, files):
    """Headers of its own layer that a file includes, directly or through one of them."""
    seen, todo = set(), [name]
    while todo:
        for path, _ in included(files.get(todo.pop(), "")):
            if layer(path) == layer(name) and path.endswith(".h") and path not in seen:
                seen.add(path)
                todo.append(path)
    return seen


def defines(text, function):
    """Is the function's body in this text?"""
    return re.search(rf"^\w[^;{{]*\b{function}\([^;{{]*\{{", text, re.M)


def seen_from_outside(name, used):
    """Does another layer include this header, or a public one that includes it?"""
    seen, todo = {name}, [name]
    while todo:
        path = todo.pop()
        for user in used.get(path, ()):
            if layer(user) != layer(name):
                return True
            if user.startswith("include/") and user not in seen:
                seen.add(user)
                todo.append(user)
    return False


def contracts(files):
    """What a header declares is in its .c, or where it has none in its layer; a .c includes its own
    header, or where it has none, a header of its layer that declares a function of its own, or it
    ends in a row of a table. What only one layer uses stays in it."""
    by_module = {module(name): name for name in files if name.endswith(".c")}
    used = {}
    for name, text in files.items():
        for path, _ in included(text):
            used.setdefault(path, set()).add(name)
    for name, text in files.items():
        if name.endswith(".c") and name != "src/main.c":
            mine = own_headers(name, files)
            own = next((each for each in (f"include/kcap/{module(name)}.h", f"src/{module(name)}.h")
                        if each in files), None)
            functions = {each for path in mine for each in declared(files.get(path, ""))}
            if own and own not in mine:
                yield f"{name}: does not include its own {own}"
            elif not any(defines(text, function) for function in functions) \
                    and not re.search(r"^const kc_\w+ kc_\w+ = \{", text, re.M):
                yield f"{name}: no header of its layer declares a function of it"
        elif name.endswith(".h") and module(name) not in by_module:
            for function in sorted(declared(text)):
                if not any(defines(body, function) for other, body in files.items()
                           if other.endswith(".c") and layer(other) == layer(name)):
                    yield f"{name}: {function} is defined nowhere in src/{layer(name)}"
        if name.startswith("include/") and layer(name) not in ("types", "cli") \
                and not seen_from_outside(name, used):
            yield f"{name}: only {layer(name)} uses it: its place is src/{layer(name)}"


def licences(root):
    """Files of code without the licence line among their first three."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if not path.is_file() or "__pycache__" in path.parts:
                continue
            if path.suffix in CODE or path.name in CODE_NAMES or folder == ".ci":
                head = path.read_text(encoding="utf-8").split("\n", 3)[:3]
                if not any("SPDX-License-Identifier: BSD-3-Clause" in line for line in head):
                    yield f"{path.relative_to(root)}: no SPDX-License-Identifier: BSD-3-Clause"


def check(root):
    """All breaches of the rules, one line each."""
    files = dict(c_files(root))
    if not files:
        return [f"{root}: no C file under src or include/kcap: nothing was checked"]
    found = [line for name, text in files.items()
             for rule in (doors, includes) for line in rule(name, text)]
    found += [line for name, text in python_files(root) for line in doors(name, text, PYTHON_DOORS)]
    return found + list(circles(files)) + list(contracts(files)) + list(licences(root))


if __name__ == "__main__":
    breaches = check(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]))
    print("\n".join(breaches))
    sys.exit(bool(breaches))
