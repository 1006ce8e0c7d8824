#!/usr/bin/env python3
"""Makes the provider tables of crates/decode/schemas from the corpus of schemas.

    scripts/schema-tables.py [CORPUS]      CORPUS: ../shared/corpus beside the project, or $ETWATCH_CORPUS

Reads CORPUS/schemas/schemas.jsonl (a layout a line) and keywords.json (names of values), writes one file a
provider. Names, numbers, types and lengths are taken, no text. The classic.* tables are written by hand.
The format of the tables is told in crates/decode/src/table/mod.rs.
"""
import json
import os
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLES = ROOT / "crates/decode/schemas"

# Provider: the ids that are taken; all of them without a list. In whole are those that are watched live or
# whose channels rules read most; of the others, the ids that Sigma rules name.
PROVIDERS = {
    "Microsoft-Windows-Kernel-Process": None,
    "Microsoft-Windows-Kernel-File": None,
    "Microsoft-Windows-Kernel-Network": None,
    "Microsoft-Windows-Kernel-Registry": None,
    "Microsoft-Windows-Kernel-EventTracing": None,
    "Microsoft-Windows-Kernel-Audit-API-Calls": None,
    "Microsoft-Windows-DNS-Client": None,
    "Microsoft-Windows-Threat-Intelligence": None,
    "Microsoft-Windows-PowerShell": None,
    "Microsoft-Windows-WMI-Activity": None,
    "Microsoft-Windows-TaskScheduler": None,
    "Microsoft-Antimalware-Scan-Interface": None,
    "Microsoft-Windows-DotNETRuntime": None,
    "Microsoft-Windows-DotNETRuntimeRundown": None,
    "Microsoft-Windows-Windows Defender": None,
    "Microsoft-Windows-Bits-Client": None,
    "Microsoft-Windows-CodeIntegrity": None,
    "Microsoft-Windows-AppLocker": None,
    "Microsoft-Windows-Security-Auditing": None,
    "Service Control Manager": None,
    "Microsoft-Windows-Sysmon": None,
    "Microsoft-Windows-Eventlog": [104, 1100, 1101, 1102, 1104, 1105],
    "Microsoft-Windows-LDAP-Client": [30],
    "Microsoft-Windows-TerminalServices-LocalSessionManager": [21, 22, 23, 24, 25, 39, 40],
    "Microsoft-Windows-SMBClient": [30803, 30804, 30806, 31017],
    "Microsoft-Windows-SMBServer": [4000],
    "Microsoft-Windows-NTLM": [8001, 8002],
    "Microsoft-Windows-Windows Firewall With Advanced Security": [
        2002, 2003, 2004, 2005, 2006, 2008, 2009, 2032, 2033, 2052, 2059, 2060, 2071, 2073, 2082, 2083, 2097,
    ],
    "Microsoft-Windows-PrintService": [316, 808],
    "Microsoft-Windows-AppXDeployment-Server": [400, 401, 412, 441, 442, 453, 454, 603, 854],
    "Microsoft-Windows-AppxPackagingOM": [157],
    "Microsoft-Windows-AppModel-Runtime": [201],
    "Microsoft-Windows-Security-Mitigations": [11, 12],
    "LsaSrv": [300],
    "Microsoft-Windows-CAPI2": [70],
    "Microsoft-Windows-CertificateServicesClient-Lifecycle-System": [1007],
    "Microsoft-Windows-Crypto-DPAPI": [16385],
    "Microsoft-Windows-Diagnosis-Scripted": [101],
    "Microsoft-Windows-DriverFrameworks-UserMode": [2003, 2100, 2102],
    "Microsoft-Windows-RPC": [5, 6],
    "Microsoft-Windows-Shell-Core": [28115],
    "Microsoft-Windows-VHDMP": [1, 2, 12, 22, 25],
}

# The same events under another name and GUID.
ALSO = {"Microsoft-Windows-PowerShell": ("PowerShellCore", "f90714a8-5509-434a-bf6d-b1624c8a19a2")}

# Where every manifest is wrong and real bytes say so: identifiers of connections are as long as a pointer
# (README of the corpus), and a stack of .NET has as many addresses as it counts, not two.
CORRECTED = {
    ("Microsoft-Windows-Kernel-Network", "connid"): {"inType": "Pointer"},
    ("Microsoft-Windows-DotNETRuntime", "Stack"): {"count": {"field": "FrameCount"}},
    ("Microsoft-Windows-DotNETRuntimeRundown", "Stack"): {"count": {"field": "FrameCount"}},
}

IN_TYPES = {"GUID": "Guid", "FILETIME": "FileTime", "SYSTEMTIME": "SystemTime", "SID": "Sid"}
OUT_TYPES = {
    "win:PID": "ProcessId", "win:TID": "ThreadId", "win:Port": "Port", "win:IPv4": "IPv4", "win:IPv6": "IPv6",
    "win:HexInt16": "HexInt16", "win:HexInt32": "HexInt32", "win:HexInt64": "HexInt64",
}
SOURCES = {
    "Tx": "microsoft/Tx (Apache-2.0)",
    "perfview": "microsoft/perfview (MIT)",
    "ossem": "OTRF/OSSEM-DD (MIT)",
    "airbus": "airbus-cert/etl-parser (Apache-2.0)",
    "sysmon-schema": "OTRF/OSSEM-DD, Sysmon's schemas (MIT)",
    "jdu2600": "jdu2600/Windows10EtwEvents (no licence, as facts)",
    "repnz": "repnz/etw-providers-docs (no licence, as facts)",
}
HEADER = """\
# {provider}
#
# Made by scripts/schema-tables.py, not by hand. Format: ../src/table/mod.rs.
{known_from}
# `# dump`: the layout is known from dumps without a licence alone, none of the licensed sources agrees.
# `# inferred`: the length follows from names or other versions and is less sure than the rest.
# `# behind`: a field that can't be reached, since the length of one before it is unknown.
"""


def word(text):
    """A word of the format: in quotes if it is empty or has what means something to the format."""
    text = text.replace('"', "'")
    return f'"{text}"' if not text or re.search(r"[\s=#]", text) else text


def symbol(text, version=None):
    """The name of an event, task or opcode; empty where a dump made it up or has a sentence there."""
    text = (text or "").removesuffix(f"_V{version}")
    made_up = text.startswith(("task_0", "This")) or re.search(r"[^\w:/ -]", text)
    return "" if made_up or len(text) > 60 else text


def ranges(builds, known):
    """Builds as ranges; builds that follow one another among the known ones are one range."""
    spans = []
    for build in sorted(builds):
        if spans and known.index(build) == known.index(spans[-1][1]) + 1:
            spans[-1][1] = build
        else:
            spans.append([build, build])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


class Table:
    """The table of one provider, being written."""

    def __init__(self, provider, records, maps, known):
        self.provider, self.records, self.maps, self.known = provider, records, maps, known
        self.used = set()
        # One channel for all events, or one for each id: dumps of newer versions don't tell it.
        self.channels = {record["id"]: record["channel"] for record in records if record["channel"]}
        names = {self.channels.get(record["id"]) for record in records}
        self.channel = names.pop() if len(names) == 1 else None

    def text(self):
        events = [line for record in self.records for line in self.event(record)]
        sources = sorted({source for record in self.records for source in record["sources"]})
        known_from = f"From, as facts: {', '.join(SOURCES[source] for source in sources)}."
        known_from = textwrap.fill(known_from, 100, initial_indent="# ", subsequent_indent="# ")
        lines = [HEADER.format(provider=self.provider, known_from=known_from)]
        channel = f" channel={word(self.channel)}" if self.channel else ""
        lines.append(f"provider {word(self.provider)} {self.records[0]['guid']}{channel}")
        if self.provider in ALSO:
            name, guid = ALSO[self.provider]
            lines.append(f"also {word(name)} {guid}")
        for name in sorted(self.used):
            kind = "bit" if self.maps[name]["kind"] == "bitMap" else "value"
            lines += ["", f"map {word(name)} {kind}"]
            values = self.maps[name]["values"].items()
            lines += [f"  {number} {word(text)}" for number, text in sorted(values, key=lambda v: int(v[0], 0))]
        return "\n".join(lines + events) + "\n"

    def event(self, record):
        head = f"event {record['id']} v{record['version']}"
        if name := symbol(record["name"], record["version"]):
            head += f" {word(name)}"
        if task := symbol((record["task"] or {}).get("name")):
            head += f" task={word(task)}"
        if opcode := symbol((record["opcode"] or {}).get("name")):
            head += f" opcode={word(opcode)}"
        channel = self.channels.get(record["id"])
        if channel and not self.channel:
            head += f" channel={word(channel)}"
        dump = "  # dump" if record["licence"] == "cross-check-only" else ""
        layouts = record.get("layouts")
        if not layouts:
            return ["", head + dump, *self.fields(record["fields"])]
        lines = []
        for layout in sorted(layouts, key=lambda layout: -max(layout["builds"])):
            builds = ranges(layout["builds"], self.known)
            lines += ["", f"{head} builds={builds}{dump}", *self.fields(layout["fields"])]
        return lines

    def fields(self, fields):
        lines, behind = [], False
        for field in fields:
            unknown = field.get("length") == "unknown" or (
                field["inType"] == "Struct" and not isinstance(field.get("members"), list)
            )
            if behind:
                lines.append(f"  # behind: {field['name']} {field['inType']}")
            elif unknown:
                lines.append(f"  {field['name']} Binary length=rest")
                behind = True
            elif isinstance(field.get("members"), list):
                count = self.amount(field, "count")
                lines.append(f"  {field['name']} struct{count}")
                lines += ["  " + self.field(member) for member in field["members"]]
            else:
                lines.append(self.field(field))
        return lines

    def field(self, field):
        field = field | CORRECTED.get((self.provider, field["name"]), {})
        kind = field["inType"]
        line = f"  {field['name']} {IN_TYPES.get(kind, kind)}"
        if out := OUT_TYPES.get(field.get("outType")):
            line += f"/{out}"
        line += self.amount(field, "length") + self.amount(field, "count")
        if field.get("map") in self.maps:
            self.used.add(field["map"])
            line += f" map={word(field['map'])}"
        return line + ("  # inferred" if "inferred" in field.get("lengthFrom", "") else "")

    @staticmethod
    def amount(field, what):
        value = field.get(what)
        if value is None:
            return ""
        return f" {what}={value['field'] if isinstance(value, dict) else value}"


def main():
    beside = os.environ.get("ETWATCH_CORPUS", ROOT / "../shared/corpus")
    schemas = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else beside) / "schemas"
    with open(schemas / "schemas.jsonl", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    with open(schemas / "keywords.json", encoding="utf-8") as file:
        keywords = json.load(file)["providers"]
    known = sorted({build for record in records for build in record["builds"]})
    for provider, ids in PROVIDERS.items():
        own = [r for r in records if r["provider"] == provider and (ids is None or r["id"] in ids)]
        own.sort(key=lambda record: (record["id"], record["version"]))
        missing = set(ids or []) - {record["id"] for record in own}
        if missing or not own:
            print(f"{provider}: nothing is known of {sorted(missing) or 'it'}", file=sys.stderr)
        if own:
            table = Table(provider, own, keywords.get(provider, {}).get("maps", {}), known)
            path = TABLES / f"{provider.replace(' ', '_')}.txt"
            path.write_text(table.text(), encoding="utf-8")


if __name__ == "__main__":
    main()
