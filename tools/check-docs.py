#!/usr/bin/env python3
"""Runs every command that stands in README.md and docs/guide, and compares what is quoted under it.

    tools/check-docs.py .build/release/attnsim            # exits 1 with a diff where a quoted line does not come out
    tools/check-docs.py .build/release/attnsim --update   # and writes the figures that came out into the pages

A fenced block that begins with ```console holds commands (lines that begin with "$ ", continued after a backslash) and
quotes from their output, errors included. A line "..." skips any number of lines. A mark such as
<!-- not run: takes minutes --> on the line above a block leaves it out. A command that quotes a line with "error:"
must fail, every other must succeed. The commands of a page run in order in a folder of their own.

The matrix of the README, between its marks, must be what the schedules declare. Links to files of the repository must lead to one, in ARCHITECTURE.md and docs too. The lines of a block of code under <!-- compiled: FILE --> must stand in FILE, one after the other.
"""
import argparse
import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SKIP = "..."
MATRIX = ("<!-- generated: matrix -->", "<!-- end -->")
LINKED = ("hardware", "scenarios", "validation")


def commands(lines):
    """Yields (line of the command, command, its quoted lines as a range) of the blocks that are run."""
    in_block = run = False
    start, command, index = None, None, 0
    while index < len(lines):
        line = lines[index]
        if not in_block:
            if line == "```console":
                in_block = True
                run = index == 0 or not lines[index - 1].startswith("<!-- not run:")
            index += 1
            continue
        ends = line == "```"
        if ends or line.startswith("$ "):
            if command is not None and run:
                yield start, command, range(start + command.count("\n") + 1, index)
            command = None
            if ends:
                in_block = False
            else:
                start, command = index, line[2:]
                while command.endswith("\\"):
                    index += 1
                    command += "\n" + lines[index]
        index += 1


def uncompiled(page, lines):
    """Complaints about blocks of code that do not stand in the file that compiles them."""
    for index, line in enumerate(lines):
        found = re.fullmatch(r"<!-- compiled: (\S+) -->", line)
        if found is None:
            continue
        code = [text.strip() for text in lines[index + 2 : lines.index("```", index + 2)]]
        file = [text.strip() for text in (ROOT / found[1]).read_text().split("\n")]
        if not any(file[start : start + len(code)] == code for start in range(len(file))):
            yield f"{page.relative_to(ROOT)}:{index + 1}: these lines do not stand in {found[1]}"


def widest(takes, name):
    """The masks that a schedule takes in a pass, by the entry that says most."""
    masks = [entry["masks"].removeprefix("the masks ") for entry in takes if name in entry["passes"]]
    return "any mask" if "any mask" in masks else max(masks, key=len, default="")


def matrix(attnsim):
    """Schedules by devices, passes and masks, as they declare them; alike ones share a row."""
    listed = subprocess.run([attnsim, "schedules", "--json"], cwd=ROOT, capture_output=True, text=True, check=True)
    rows = {}
    for schedule in json.loads(listed.stdout):
        masks = [widest(schedule["takes"], name) for name in ("fwd", "bwd")]
        rows.setdefault((", ".join(schedule["devices"]), *masks), []).append(f"`{schedule['name']}`")
    lines = ["| schedules | devices | masks forward | masks backward |", "|---|---|---|---|"]
    return lines + [f"| {', '.join(names)} | {' | '.join(row)} |" for row, names in rows.items()]


def check_matrix(page, attnsim, update):
    """Complaints about the matrix of a page, between its marks."""
    lines = page.read_text().split("\n")
    if MATRIX[0] not in lines:
        return
    start = lines.index(MATRIX[0]) + 1
    end = lines.index(MATRIX[1], start)
    wanted = matrix(attnsim)
    if lines[start:end] == wanted:
        return
    if update:
        page.write_text("\n".join(lines[:start] + wanted + lines[end:]))
    else:
        yield f"{page.relative_to(ROOT)}:{start}: the matrix is not the one that the schedules declare; --update writes it"


def dead_links(page):
    """Complaints about links of a page that lead to no file."""
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        if "://" not in target and not (page.parent / target).exists():
            yield f"{page.relative_to(ROOT)}: no file {target}"


def mismatch(quoted, output):
    """The first quoted line that does not come out in order, or None."""
    position, skips = 0, False
    for line in quoted:
        if line.strip() == SKIP:
            skips = True
            continue
        found = position
        while skips and found < len(output) and output[found] != line:
            found += 1
        if found >= len(output) or output[found] != line:
            return line
        position, skips = found + 1, False
    return None if skips or position == len(output) else "(end of the output)"


def plain(line):
    """A line without its figures and bars, to find it again after they moved."""
    return re.sub(r"[\d.,%+\-░-▟·±\s]+", " ", line).strip()


def updated(quoted, output):
    """The quoted lines with the figures of the output, as far as their words are found in order."""
    result, position = [], 0
    for line in quoted:
        if line.strip() != SKIP:
            for found in range(position, len(output)):
                if plain(output[found]) == plain(line):
                    line, position = output[found], found + 1
                    break
        result.append(line)
    return result


def check(page, attnsim, update):
    """Runs the commands of one page; returns the number of commands and the complaints."""
    lines = page.read_text().split("\n")
    complaints, count = list(uncompiled(page, lines)), 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name in LINKED:
            (folder / name).symlink_to(ROOT / name)
        (folder / "bin").mkdir()
        (folder / "bin" / "attnsim").symlink_to(attnsim)
        for start, command, quote in commands(lines):
            count += 1
            done = subprocess.run(
                ["bash", "-c", f'PATH="{folder}/bin:$PATH"\n{command}'], cwd=folder, capture_output=True, text=True)
            output = [line.rstrip() for line in (done.stdout + done.stderr).rstrip("\n").split("\n")]
            quoted = [lines[index] for index in quote]
            place = f"{page.relative_to(ROOT)}:{start + 1}: {command}"
            must_fail = any("error:" in line for line in quoted)
            if must_fail != (done.returncode != 0):
                complaints.append(f"{place}\n  exit status {done.returncode}\n  " + "\n  ".join(output[-12:]))
                continue
            missing = mismatch(quoted, output) if quoted else None
            if missing is None:
                continue
            if update:
                quoted = updated(quoted, output)
                for index, line in zip(quote, quoted):
                    lines[index] = line
                missing = mismatch(quoted, output)
                if missing is None:
                    continue
            near = [line for line in output if plain(line) == plain(missing)]
            complaints.append("\n  + ".join([f"{place}\n  - {missing}", *near]))
    if update:
        page.write_text("\n".join(lines))
    return count, complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attnsim", type=pathlib.Path, help="the command to try")
    parser.add_argument("pages", type=pathlib.Path, nargs="*", help="pages (default: README.md and docs/guide)")
    parser.add_argument("--update", action="store_true", help="write the figures that come out into the pages")
    arguments = parser.parse_args()
    attnsim = arguments.attnsim.resolve(strict=True)
    pages = [page.resolve() for page in arguments.pages]
    pages = pages or [ROOT / "README.md", *sorted((ROOT / "docs" / "guide").glob("*.md"))]
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        results = list(pool.map(lambda page: check(page, attnsim, arguments.update), pages))
    complaints = [complaint for _, found in results for complaint in found]
    for page in pages:
        complaints += check_matrix(page, attnsim, arguments.update)
    for page in {*pages, ROOT / "ARCHITECTURE.md", *(ROOT / "docs").glob("*.md")}:
        complaints += dead_links(page)
    for complaint in complaints:
        print(complaint)
    count = sum(count for count, _ in results)
    print(f"{count} commands on {len(pages)} pages, {len(complaints)} complaints")
    sys.exit(1 if complaints or not count else 0)


main()
