#!/usr/bin/env python3
"""Print what a reader that others have written finds in .etl files, a line of JSON for each record.

    scripts/etl-independent.py FILE.etl ...

It needs dissect.etl, and installs nothing: python3 -m pip install dissect.etl==3.14
(scripts/etl-check.sh makes an environment of its own for it.)

A line has the record's form (event, classic, kernel, message), provider or class, id, version, channel,
level, opcode, task, keyword, process and thread (null where the header has none), time in 100 ns units since
1601, processor, bytes of a pointer, extended items (type, SHA-256 of the data), and length and SHA-256
of the payload. The header of the trace, which every file begins with, is not printed.
"""

import hashlib
import json
import struct
import sys
import uuid

try:
    from dissect.etl.etl import ETL
    from dissect.etl.headers.event import EventHeader, EventHeaderExtendedDataItem
    from dissect.etl.headers.headers import EventInstanceGUIDHeader, EventTraceHeader, MessageTraceHeader
    from dissect.etl.headers.system import CompactSystemHeader, PerfinfoTraceHeader, SystemHeader
except ImportError:
    sys.exit("etl-independent: needs dissect.etl: python3 -m pip install dissect.etl==3.14")

SYSTEM_TIME = 2
NOBODY = 0xFFFFFFFF
PROCESSOR_INDEX = 0x20


def sha256(data):
    return hashlib.sha256(bytes(data)).hexdigest()


def guid(data):
    return str(uuid.UUID(bytes_le=bytes(data)))


def actor(number):
    return None if number == NOBODY else number


class Clock:
    """Times of records in 100 ns units since 1601, in whole numbers (dissect.etl rounds to floats)."""

    def __init__(self, etl):
        header = etl.logfile_header
        self.start = header.start_time
        self.first = header.system_header.time_delta
        self.kind = header.header.ReservedFlags
        self.frequency = {SYSTEM_TIME: 10**7, 3: header.cpu_speed_in_MHz * 10**6}.get(self.kind, header.perf_freq)

    def time(self, ticks):
        return self.start + (ticks - self.first) * 10**7 // self.frequency


def fields_of_event(header):
    raw, payload, items = header.header, header.payload, []
    more = raw.Flags & 1
    while more:
        item = EventHeaderExtendedDataItem(payload)
        data = item.raw_data
        items.append([struct.unpack_from("<H", payload, 2)[0], sha256(data)])
        payload, more = payload[item.size :], item.reserved1 & 1
    return payload, {
        "form": "event",
        "provider": guid(raw.ProviderId),
        "id": raw.Id,
        "version": raw.Version,
        "channel": raw.Channel,
        "level": raw.Level,
        "opcode": raw.OpCode,
        "task": raw.Task,
        "keyword": raw.Keywords,
        "process_id": actor(raw.ProcessId),
        "thread_id": actor(raw.ThreadId),
        "items": items,
    }


def fields_of_classic(header):
    raw, items = header.header, []
    opcode, level, version = struct.pack("<I", raw.Version)[0], struct.pack("<I", raw.Version)[1], raw.Version >> 16
    if isinstance(header, EventInstanceGUIDHeader):
        items = [[4, sha256(struct.pack("<II", raw.InstanceId, raw.ParentInstanceId) + raw.ParentGuid)]]
    return header.payload, {
        "form": "classic",
        "provider": guid(raw.ProviderId),
        "version": version,
        "level": level,
        "opcode": opcode,
        "process_id": actor(raw.ProcessId),
        "thread_id": actor(raw.ThreadId),
        "items": items,
    }


def fields_of_kernel(header):
    raw = header.header
    known = not isinstance(header, PerfinfoTraceHeader)
    return header.payload, {
        "form": "kernel",
        "provider": str(header.provider_id),
        "version": raw.Version & 0xFF,
        "opcode": header.opcode,
        "process_id": actor(raw.ProcessId) if known else None,
        "thread_id": actor(raw.ThreadId) if known else None,
    }


def fields_of_message(header):
    flags = header.event_property
    skipped = sum(size for flag, size in [(1, 4), (2, 16), (8, 8), (0x20, 8)] if flags & flag)
    return header.payload[skipped:], {
        "form": "message",
        "provider": str(header.provider_id),
        "id": header.id,
        "process_id": header.process_id,
        "thread_id": header.thread_id,
        "pointer_size": 8 if flags & 0x80 else 4,
    }


FIELDS = {
    EventHeader: fields_of_event,
    EventTraceHeader: fields_of_classic,
    EventInstanceGUIDHeader: fields_of_classic,
    SystemHeader: fields_of_kernel,
    CompactSystemHeader: fields_of_kernel,
    PerfinfoTraceHeader: fields_of_kernel,
    MessageTraceHeader: fields_of_message,
}

NUMBERS = ["id", "version", "channel", "level", "opcode", "task", "keyword"]
EMPTY = {
    "form": None,
    "provider": None,
    **dict.fromkeys(NUMBERS, 0),
    "process_id": None,
    "thread_id": None,
    "time": None,
    "processor": None,
    "pointer_size": None,
    "items": [],
    "payload_bytes": None,
    "payload_sha256": None,
}


def processor_of(buffer):
    """A number of 16 bits if a flag says so, else, up to Windows 7, of 8 bits, with an alignment behind it."""
    mask = 0x7FF if buffer.BufferFlag.value & PROCESSOR_INDEX else 0xFF
    return buffer.ProcessorIndex & mask


def records(path):
    with open(path, "rb") as file:
        etl = ETL(file)
        clock = Clock(etl)
        first = True
        for buffer in etl.buffers():
            for record in buffer:
                header = record.header
                if first:
                    first = False
                    continue
                payload, fields = FIELDS[type(header)](header)
                found = {
                    "time": clock.time(header.time_delta),
                    "processor": processor_of(buffer.header),
                    "pointer_size": 8 if header.is_64bit else 4,
                    "payload_bytes": len(payload),
                    "payload_sha256": sha256(payload),
                }
                yield {**EMPTY, **found, **fields}


def main(paths):
    if not paths or paths[0] in ("-h", "--help"):
        sys.exit(__doc__)
    for path in paths:
        for record in records(path):
            print(json.dumps(record))


if __name__ == "__main__":
    main(sys.argv[1:])
