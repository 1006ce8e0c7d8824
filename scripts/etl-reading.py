#!/usr/bin/env python3
"""Read a log of ETW with dissect.etl, and print how many records there were, how many of them its own
manifests explained, and how many seconds it took (without the start of Python).

    scripts/etl-reading.py frame|decode FILE.etl

"frame" takes the header, the time and the payload of each record; "decode" also the values of its payload.
scripts/etl-versus.sh runs it, with an environment that has dissect.etl.
"""

import sys
import time

try:
    from dissect.etl.etl import ETL
except ImportError:
    sys.exit("etl-reading: needs dissect.etl: python3 -m pip install dissect.etl==3.14")


def is_explained(record):
    """Whether a manifest explains the record; its values are read then."""
    try:
        return record.event.symbol() is not None
    except (EOFError, KeyError):
        # A manifest that does not fit the payload, or that dissect.etl can't compile.
        return False


def main(mode, path):
    begin = time.perf_counter()
    records = explained = 0
    with open(path, "rb") as file:
        for buffer in ETL(file).buffers():
            for record in buffer:
                records += 1
                _ = record.header.timestamp, record.header.payload
                explained += mode == "decode" and is_explained(record)
    print(records, explained, time.perf_counter() - begin)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("frame", "decode"):
        sys.exit(__doc__)
    main(*sys.argv[1:])
