#!/usr/bin/env python3
"""Writes synthetic.jsonl: kernel events that no recording at hand has, made by hand.

    python3 crates/decode/tests/kernel_events/synthetic.py > crates/decode/tests/kernel_events/synthetic.jsonl

Each layout is written down here once more, apart from the tables in crates/decode/schemas, from Microsoft's
documentation of the MOF classes (MicrosoftDocs/win32, CC BY 4.0), its manifests, and what readers of such
events say. Each
record has its payload as bytes and the same values as fields under the names that Windows gives them, so the
test sees both: that the bytes are decoded to these fields, and that bytes and fields give the same event.

All values are made up; those of one record differ, so that fields can't be mixed up unseen. A layout comes
with pointers of 8 bytes for each of its opcodes, and with pointers of 4 bytes for the first one.
"""

import json
import struct
import sys

PROCESS = "3d6fa8d0-fe05-11d0-9dda-00c04fd7ba7c"
THREAD = "3d6fa8d1-fe05-11d0-9dda-00c04fd7ba7c"
IMAGE = "2cb15d1d-5fc1-11d2-abe1-00a0c911f518"
TCP_IP = "9a280ac0-c8e0-11d1-84e2-00c04fb998a2"
UDP_IP = "bf3a50c5-a9c9-4988-a005-2df0b7c80f80"
FILE_IO = "90cbdc39-4a3e-11d1-84f4-0000f80464e3"
REGISTRY = "ae53722e-c863-11d2-8659-00c04fa321a1"
STACK_WALK = "def2fe46-7bd6-4b80-bd94-f57fe20d0ce3"
KERNEL_PROCESS = "22fb2cd6-0e7b-422b-a0c7-2fad1fd0e716"
KERNEL_FILE = "edd08927-9cc4-4e65-b970-c2560fb5c289"
KERNEL_NETWORK = "7dd42a49-5329-4832-8dfd-43d979153a88"
KERNEL_REGISTRY = "70eb4f03-c1de-4f73-a051-33d13d5413bd"

NUMBERS = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i8": "b", "i16": "h", "i32": "i", "i64": "q"}
SYSTEM, USER = "S-1-5-18", "S-1-5-21-1004336348-1177238915-682003330-512"
LONGEST = "S-1-5-80-" + "-".join(str(part) for part in range(101, 115))


def sid_bytes(text):
    revision, authority, *parts = (int(part) for part in text.split("-")[1:])
    head = bytes([revision, len(parts)]) + authority.to_bytes(6, "big")
    return head + b"".join(struct.pack("<I", part) for part in parts)


def ip_bytes(text):
    if ":" not in text:
        return bytes(int(part) for part in text.split("."))
    head, tail = ([int(part, 16) for part in side.split(":") if part] for side in text.split("::"))
    groups = head + [0] * (8 - len(head) - len(tail)) + tail
    return b"".join(group.to_bytes(2, "big") for group in groups)


def encode(kind, value, pointer):
    """The bytes of a value, and its form among the fields: a type and a value."""
    if kind in NUMBERS:
        return struct.pack("<" + NUMBERS[kind], value), [kind, value]
    if kind == "pointer":
        value &= (1 << 8 * pointer) - 1
        return value.to_bytes(pointer, "little"), [kind, value]
    if kind == "port":
        return value.to_bytes(2, "big"), ["u16", value]
    if kind == "ansi":
        return value.encode("cp1252") + b"\0", ["text", value]
    if kind == "wide":
        return (value + "\0").encode("utf-16-le"), ["text", value]
    if kind == "ip":
        return ip_bytes(value), [kind, value]
    if kind == "sid":
        return sid_bytes(value), [kind, value]
    if kind == "user":
        if value is None:
            return bytes(4), ["null", None]
        token = (0xFFFF8C4FD206B460).to_bytes(8, "little")[:pointer] + bytes(pointer)
        return token + sid_bytes(value), ["sid", value]
    if kind == "time":
        return value.to_bytes(8, "little"), [kind, value]
    if kind == "guid":
        return bytes.fromhex(value), [kind, value]
    if kind == "bytes":
        return bytes.fromhex(value), [kind, value]
    raise ValueError(kind)


def emit(provider, form, number, version, layout, pointer, note=None, behind=b"", newer=False):
    payload, fields = b"", []
    for name, kind, value in layout:
        data, field = encode(kind, value, pointer)
        payload += data
        fields.append([name, *field])
    line = {
        "synthetic": True,
        "note": note,
        "form": form,
        "provider": "{" + provider + "}",
        "id": number if form == "event" else 0,
        "opcode": 0 if form == "event" else number,
        "version": version,
        "pointer_size": pointer,
        "time": "2024-05-06T07:08:09.1234567Z",
        "process_id": 100,
        "thread_id": 101,
        "processor": 3,
        "payload": (payload + behind).hex(),
        "behind": len(behind),
        "newer": newer,
        "fields": fields,
    }
    always = ("id", "opcode", "version")
    print(json.dumps({key: value for key, value in line.items() if value or key in always}))


def each(provider, numbers, versions, layout, form="kernel", **more):
    """All numbers with pointers of 8 bytes, the first one with pointers of 4 bytes as well."""
    for version in versions:
        for place, number in enumerate(numbers):
            for pointer in (4, 8) if place == 0 else (8,):
                emit(provider, form, number, version, layout, pointer, **more)


def processes():
    name = ("ImageFileName", "ansi", "cmd.exe")
    for user in (SYSTEM, None):
        head = [("ProcessId", "u32", 672), ("ParentId", "u32", 2012), ("UserSID", "user", user)]
        each(PROCESS, [1, 2, 3, 4], [0], [*head, name], note="as the class has it")
    for user in (USER, None):
        late = [("ProcessId", "u32", 672), ("ParentId", "u32", 2012), ("Reserved", "u32", 0), ("UserSID", "user", user)]
        late += [name, ("Padding", "bytes", "00000000")]
        each(PROCESS, [1], [0], late, note="as recorded, 4 bytes before the SID and 4 at the end")

    ids = [("ProcessId", "u32", 672), ("ParentId", "u32", 2012), ("SessionId", "u32", 1)]
    ids += [("ExitStatus", "i32", -1073741510)]
    old = [("PageDirectoryBase", "pointer", 0xFFFF80001AD000), *ids]
    key = [("UniqueProcessKey", "pointer", 0xFFFFB4068A2C3080), *ids]
    table = [("DirectoryTableBase", "pointer", 0x1AD002)]
    flags = [("Flags", "u32", 2)]
    line = [("CommandLine", "wide", 'cmd.exe /c "dir C:\\"')]
    package = [("PackageFullName", "wide", "Contoso.App_1.0.0.0_x64__8wekyb3d8bbwe")]
    package += [("ApplicationId", "wide", "Contoso.App!App")]
    exit_time = [("ExitTime", "time", 133594528891234567)]
    operations = [1, 2, 3, 4]
    for user in (USER, None):
        sid = [("UserSID", "user", user), name]
        each(PROCESS, operations, [1], [*old, *sid])
        each(PROCESS, [*operations, 39], [2], [*key, *sid, *line])
        each(PROCESS, [*operations, 39], [3], [*key, *table, *sid, *line])
        each(PROCESS, [*operations, 39], [4], [*key, *table, *flags, *sid, *line, *package])
        each(PROCESS, [39], [5], [*key, *table, *flags, *sid, *line, *package, *exit_time])
    longest = [*key, *table, *flags, ("UserSID", "user", LONGEST), name, *line, *package]
    each(PROCESS, [1], [4], longest, note="a SID of 15 parts")
    each(PROCESS, [39], [6], [*key, *table, *flags, ("UserSID", "user", SYSTEM), name, *line, *package, *exit_time],
         note="a version that is not known", behind=b"\1\2\3\4", newer=True)
    each(PROCESS, [11], [2], [("ProcessId", "u32", 672)])
    counters = [("ProcessId", "u32", 672), ("PageFaultCount", "u32", 1), ("HandleCount", "u32", 2), ("Reserved", "u32", 0)]
    sizes = ["PeakVirtualSize", "PeakWorkingSetSize", "PeakPagefileUsage", "QuotaPeakPagedPoolUsage"]
    sizes += ["QuotaPeakNonPagedPoolUsage", "VirtualSize", "WorkingSetSize", "PagefileUsage", "QuotaPagedPoolUsage"]
    sizes += ["QuotaNonPagedPoolUsage", "PrivatePageCount"]
    counters += [(size, "pointer", 4096 * place) for place, size in enumerate(sizes, 3)]
    each(PROCESS, [32, 33], [2], counters)


def threads():
    ids = [("ProcessId", "u32", 672), ("TThreadId", "u32", 4440)]
    each(THREAD, [1, 2, 3, 4], [0], [("TThreadId", "u32", 4440), ("ProcessId", "u32", 672)])
    stacks = [("StackBase", "pointer", 0xFFFFF8800A5F1000), ("StackLimit", "pointer", 0xFFFFF8800A5EB000)]
    stacks += [("UserStackBase", "pointer", 0x2C40000), ("UserStackLimit", "pointer", 0x2C3C000)]
    starts = [("StartAddr", "pointer", 0x77A41010), ("Win32StartAddr", "pointer", 0x7FF612341000)]
    each(THREAD, [1, 2, 3, 4], [1], [*ids, *stacks, *starts, ("WaitMode", "i8", -1)], note="the long form")
    each(THREAD, [2, 4], [1], ids, note="the short form")
    tail = [("TebBase", "pointer", 0x7FFDE000), ("SubProcessTag", "u32", 77)]
    each(THREAD, [1, 2, 3, 4], [2], [*ids, *stacks, *starts, *tail])
    affine = [*ids, *stacks, ("Affinity", "pointer", 0xFF), starts[1], *tail]
    affine += [("BasePriority", "u8", 8), ("PagePriority", "u8", 5), ("IoPriority", "u8", 2), ("ThreadFlags", "u8", 1)]
    name = [("ThreadName", "wide", "worker")]
    each(THREAD, [1, 2, 3, 4], [3], affine, note="before Windows 10 1903")
    each(THREAD, [1, 2, 3, 4], [3, 4], [*affine, *name])
    each(THREAD, [1], [5], [*affine, *name], note="a version that is not known", behind=b"\1\2\3\4\5\6", newer=True)
    each(THREAD, [72], [2], [("ProcessId", "u32", 672), ("ThreadId", "u32", 4440), *name])


def images():
    name = ("FileName", "wide", "\\Device\\HarddiskVolume2\\Windows\\System32\\bcrypt.dll")
    base = [("ImageBase", "pointer", 0x7FFB48080000), ("ImageSize", "pointer", 0x82000)]
    every = [10, 2, 3, 4]
    for size, note in (("u32", "as the class has it"), ("pointer", "with a size as long as a pointer")):
        old = [("BaseAddress", "pointer", 0x77A40000), ("ModuleSize", size, 0x82000), ("ImageFileName", "wide", name[2])]
        each(IMAGE, every, [0], old, note=note)
    each(IMAGE, every, [1], [*base, ("ProcessId", "u32", 672), name])
    head = [*base, ("ProcessId", "u32", 672), ("ImageChecksum", "u32", 0x86E46), ("TimeDateStamp", "u32", 0xF6D7E9FF)]
    tail = [("DefaultBase", "pointer", 0x180000000), ("Reserved1", "u32", 1), ("Reserved2", "u32", 2)]
    tail += [("Reserved3", "u32", 3), ("Reserved4", "u32", 4), name]
    each(IMAGE, every, [2], [*head, ("Reserved0", "u32", 9), *tail])
    signed = [("SignatureLevel", "u8", 12), ("SignatureType", "u8", 1), ("Reserved0", "u16", 0)]
    each(IMAGE, every, [3, 4], [*head, *signed, *tail])
    each(IMAGE, [10], [5], [*head, *signed, *tail], note="a version that is not known", behind=b"\1\2", newer=True)
    each(IMAGE, [33], [2], [("ImageBase", "pointer", 0xFFFFF80012345000)])
    each(IMAGE, [34], [2], [("HypercallPageVa", "pointer", 0xFFFFF80012346000)])


def connection(family):
    local, remote = ("10.1.2.3", "203.0.113.9") if family == 4 else ("2001:db8::7", "2001:db8:1::9")
    ends = [("PID", "u32", 1234), ("size", "u32", 567), ("daddr", "ip", remote), ("saddr", "ip", local)]
    return [*ends, ("dport", "port", 443), ("sport", "port", 50505)]


TIMES = [("startime", "u32", 7001), ("endtime", "u32", 7002)]
OPTIONS = [("mss", "u16", 1460), ("sackopt", "u16", 1), ("tsopt", "u16", 2), ("wsopt", "u16", 3), ("rcvwin", "u32", 65535)]
SEQUENCE, CONNECTION = ("seqnum", "u32", 424242), ("connid", "pointer", 0xE00012345678)


def scales(kind):
    return [("rcvwinscale", kind, 8), ("sndwinscale", kind, 7)]


def networks():
    whole = connection(4)
    old = [*whole[2:], whole[1], whole[0]]
    each(TCP_IP, [10, 11, 12, 13, 14, 15], [0], old)
    last = [CONNECTION, SEQUENCE]
    others = [11, 13, 14, 16, 18, 19, 20, 21, 22]
    each(TCP_IP, [10], [1], [*whole, *TIMES, *last], note="the long form")
    each(TCP_IP, others, [1], [*whole, *last], note="the long form")
    each(TCP_IP, [12, 15], [1], [*whole, *OPTIONS, *scales("i16"), *last], note="the long form")
    each(TCP_IP, [10, *others, 12, 15], [1], whole, note="the short form")
    each(TCP_IP, [17], [1], [("Proto", "u32", 2)])
    last = [SEQUENCE, CONNECTION]
    for family, more in ((4, 0), (6, 16)):
        whole = connection(family)
        each(TCP_IP, [10 + more], [2], [*whole, *TIMES, *last])
        each(TCP_IP, [opcode + more for opcode in (11, 13, 14, 16, 18)], [2], [*whole, *last])
        each(TCP_IP, [12 + more, 15 + more], [2], [*whole, *OPTIONS, *scales("i16"), *last])
        each(UDP_IP, [10 + more, 11 + more], [2], [*whole, *last])
        each(KERNEL_NETWORK, [10 + more], [0], [*whole, *TIMES, *last], form="event")
        each(KERNEL_NETWORK, [opcode + more for opcode in (11, 13, 14, 16, 18)], [0], [*whole, *last], form="event")
        each(KERNEL_NETWORK, [12 + more, 15 + more], [0], [*whole, *OPTIONS, *scales("u16"), *last], form="event")
        each(KERNEL_NETWORK, [42 + more, 43 + more], [0], [*whole, *last], form="event")
    failure = [("Proto", "u16", 2), ("FailureCode", "u16", 5)]
    each(TCP_IP, [17], [2], failure)
    each(UDP_IP, [17], [2], failure)
    each(KERNEL_NETWORK, [17, 49], [0], failure, form="event")
    each(UDP_IP, [10, 11], [1], connection(4))
    before = [("context", "pointer", 0x8A2C3080), ("saddr", "ip", "10.1.2.3"), ("sport", "port", 50505), ("size", "u16", 567)]
    before += [("daddr", "ip", "203.0.113.9"), ("dport", "port", 53), ("dsize", "u16", 568)]
    each(UDP_IP, [10, 11], [0], before)


def files():
    file_object, key = ("FileObject", "pointer", 0xFFFFB4068A2C3080), ("FileKey", "pointer", 0xFFFFF8A00123A140)
    irp, extra = ("IrpPtr", "pointer", 0xFFFFB4068B11C010), ("ExtraInfo", "pointer", 0x13)
    wide_thread, thread = ("TTID", "pointer", 4440), ("TTID", "u32", 4440)
    name = ("FileName", "wide", "\\Device\\HarddiskVolume2\\Temp\\test.txt")
    options = [("CreateOptions", "u32", 0x05000060), ("FileAttributes", "u32", 0x80), ("ShareAccess", "u32", 3)]
    options += [("OpenPath", "wide", name[2])]
    offset = ("Offset", "u64", 0x123456789A)
    amount = [("IoSize", "u32", 4096), ("IoFlags", "u32", 0x60900)]
    information = ("InfoClass", "u32", 13)
    listing = [("Length", "u32", 616), information, ("FileIndex", "u32", 1), ("FileName", "wide", "*.txt")]
    each(FILE_IO, [0, 32], [0, 1], [file_object, name])
    each(FILE_IO, [0, 32, 35, 36], [2, 3], [file_object, name])
    each(FILE_IO, [64], [2], [irp, wide_thread, file_object, *options])
    each(FILE_IO, [64], [3], [irp, file_object, thread, *options])
    each(FILE_IO, [65, 66, 73], [2], [irp, wide_thread, file_object, key])
    each(FILE_IO, [65, 66, 73], [3], [irp, file_object, key, thread])
    each(FILE_IO, [67, 68], [2], [offset, irp, wide_thread, file_object, key, *amount])
    each(FILE_IO, [67, 68], [3], [offset, irp, file_object, key, thread, *amount])
    each(FILE_IO, [67, 68], [3], [offset, irp, file_object, key, thread, *amount, ("Reserved", "u32", 0)], note="4 bytes more")
    each(FILE_IO, [69, 70, 71, 74, 75], [2], [irp, wide_thread, file_object, key, extra, information])
    each(FILE_IO, [69, 70, 71, 74, 75], [3], [irp, file_object, key, extra, thread, information])
    each(FILE_IO, [72, 77], [2], [irp, wide_thread, file_object, key, *listing])
    each(FILE_IO, [72, 77], [3], [irp, file_object, key, thread, *listing])
    each(FILE_IO, [76], [2, 3], [irp, extra, ("NtStatus", "u32", 0xC0000034)])
    each(FILE_IO, [79, 80, 81], [3], [irp, file_object, key, extra, thread, information, name])
    view = [("ViewBase", "pointer", 0x7FF612340000), file_object, ("MiscInfo", "u64", 0x2000000000000001)]
    view += [("ViewSize", "pointer", 0x12000)]
    each(FILE_IO, [37, 38, 39, 40], [2], [*view, ("ProcessId", "u32", 672)])
    each(FILE_IO, [37, 38, 39, 40], [3], [*view, ("ByteOffset", "i64", 0x4000), ("ProcessId", "u32", 672)])

    irp = ("Irp", "pointer", 0xFFFFB4068B11C010)
    issuer = ("IssuingThreadId", "u32", 4440)
    extra = ("ExtraInformation", "pointer", 0x13)
    created = [("CreateOptions", "u32", 0x01000020), ("CreateAttributes", "u32", 0x80), ("ShareAccess", "u32", 3), name]
    each(KERNEL_FILE, [10, 11], [0], [key, name], form="event")
    each(KERNEL_FILE, [12, 30], [0], [irp, ("ThreadId", "pointer", 4440), file_object, *created], form="event")
    each(KERNEL_FILE, [12, 30], [1], [irp, file_object, issuer, *created], form="event")
    each(KERNEL_FILE, [13, 14, 21], [1], [irp, file_object, key, issuer], form="event")
    each(KERNEL_FILE, [17, 18, 19, 22, 23, 29], [1], [irp, file_object, key, extra, issuer, information], form="event")
    path = ("FilePath", "wide", name[2])
    each(KERNEL_FILE, [26, 27, 28], [1], [irp, file_object, key, extra, issuer, information, path], form="event")


def registry():
    every = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21]
    status, index = ("Status", "u32", 0xC0000034), ("Index", "u32", 7)
    handle, name = ("KeyHandle", "pointer", 0xFFFFE00012345678), ("KeyName", "wide", "Software\\Contoso")
    elapsed = ("ElapsedTime", "i64", 1234567)
    each(REGISTRY, every, [0], [status, handle, elapsed, name])
    each(REGISTRY, [*every, 22], [1], [status, handle, elapsed, index, name])
    start = ("InitialTime", "i64", 98765432101)
    each(REGISTRY, [*every, 22, 23, 24, 25, 26, 27, 28, 29], [2], [start, status, index, handle, name])
    each(REGISTRY, [27], [2], [start, status, index, handle, ("KeyName", "wide", "")], note="without a name")
    transaction = [("TxrGUID", "guid", "166fa5cd010203040506070809000a0b"), ("Status", "u32", 0), ("UowCount", "u32", 5)]
    transaction += [("OperationTime", "u64", 133594528891234567), ("Hive", "wide", "\\Registry\\Machine\\Software")]
    each(REGISTRY, [30, 31, 32], [2], transaction)

    base, key = ("BaseObject", "pointer", 0xFFFFE00011112222), ("KeyObject", "pointer", 0xFFFFE00012345678)
    opened = [base, key, ("Status", "u32", 0), ("Disposition", "u32", 1)]
    names = [("BaseName", "wide", "\\REGISTRY\\MACHINE"), ("RelativeName", "wide", "Software\\Contoso")]
    each(KERNEL_REGISTRY, [1, 2], [0], [*opened, *names], form="event")
    head, size = [key, ("Status", "u32", 0xC0000034)], ("DataSize", "u32", 4)
    listed, information = ("Index", "u32", 7), ("InfoClass", "u32", 2)
    value_name = ("ValueName", "wide", "Start")
    data = [("CapturedDataSize", "u16", 4), ("CapturedData", "bytes", "04000000")]
    none = [("CapturedDataSize", "u16", 0), ("CapturedData", "bytes", "")]
    before = [("PreviousDataType", "u32", 3), ("PreviousDataSize", "u32", 6)]
    before += [("PreviousDataCapturedSize", "u16", 2), ("PreviousData", "bytes", "0506")]
    each(KERNEL_REGISTRY, [3, 12, 13, 14, 15], [0], [*head, name], form="event")
    each(KERNEL_REGISTRY, [4, 11], [0], [*head, information, size, name, *data], form="event")
    each(KERNEL_REGISTRY, [4], [0], [*head, information, size, name, *none], form="event", note="without data")
    each(KERNEL_REGISTRY, [5], [0], [*head, ("Type", "u32", 4), size, name, value_name, *data, *before], form="event")
    each(KERNEL_REGISTRY, [6], [0], [*head, name, value_name], form="event")
    each(KERNEL_REGISTRY, [7], [0], [*head, information, size, name, value_name, *data], form="event")
    each(KERNEL_REGISTRY, [8, 9], [0], [*head, listed, information, size, name, *data], form="event")
    each(KERNEL_REGISTRY, [10], [0], [*head, ("EntryCount", "u32", 3), size, name], form="event")


def stacks():
    head = [("EventTimeStamp", "u64", 98765432101), ("StackProcess", "u32", 672), ("StackThread", "u32", 4440)]
    each(STACK_WALK, [32], [0, 1, 2], [*head, *[("Stack", "pointer", 0x7FF612340000 + 16 * place) for place in range(3)]])


def manifest_processes():
    start = [("ProcessID", "u32", 672), ("CreateTime", "time", 133594528891234567), ("ParentProcessID", "u32", 2012)]
    start += [("SessionID", "u32", 1)]
    name = ("ImageName", "wide", "\\Device\\HarddiskVolume2\\Windows\\System32\\cmd.exe")
    flags = ("Flags", "u32", 2)
    label = ("MandatoryLabel", "sid", "S-1-16-12288")
    stamp = [("ImageChecksum", "u32", 0x86E46), ("TimeDateStamp", "u32", 0xF6D7E9FF)]
    package = [("PackageFullName", "wide", ""), ("PackageRelativeAppId", "wide", "")]
    each(KERNEL_PROCESS, [1], [0], [*start, name], form="event")
    each(KERNEL_PROCESS, [1], [1], [*start, flags, name], form="event")
    each(KERNEL_PROCESS, [1], [2], [*start, flags, name, *stamp, *package], form="event")
    numbered = [start[0], ("ProcessSequenceNumber", "u64", 81), start[1], start[2]]
    numbered += [("ParentProcessSequenceNumber", "u64", 17), start[3], flags]
    token = [("ProcessTokenElevationType", "u32", 2), ("ProcessTokenIsElevated", "u32", 1), label]
    each(KERNEL_PROCESS, [1], [3], [*numbered, *token, name, *stamp, *package], form="event")
    each(KERNEL_PROCESS, [15], [1], [*numbered, *token, name, *stamp, *package], form="event")


def main():
    sys.stdout.reconfigure(newline="\n")
    for write in (processes, threads, images, networks, files, registry, stacks, manifest_processes):
        write()


main()
