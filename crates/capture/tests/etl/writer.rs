//! Writes logs of kinds that no real one here has.

/// The bytes of a structure whose fields lie at offsets.
pub(crate) fn fields(length: usize, fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; length];
    for (at, value) in fields {
        bytes[*at..at + value.len()].copy_from_slice(value);
    }
    bytes
}

/// A record whose header has these fields: its size is put at `place`.
pub(crate) fn record(
    header: usize,
    place: usize,
    values: &[(usize, &[u8])],
    payload: &[u8],
) -> Vec<u8> {
    let mut bytes = fields(header, values);
    bytes.extend(payload);
    let size = u16::try_from(bytes.len()).unwrap();
    bytes[place..place + 2].copy_from_slice(&size.to_le_bytes());
    bytes
}

/// A SYSTEM record of 64 bits; its hook is group and type.
pub(crate) fn system(group: u8, kind: u8, ticks: u64, payload: &[u8]) -> Vec<u8> {
    let values: [(usize, &[u8]); 5] = [
        (0, &[4, 0, 2, 0xc0]),
        (6, &[kind, group]),
        (8, &33_u32.to_le_bytes()),
        (0xc, &44_u32.to_le_bytes()),
        (0x10, &ticks.to_le_bytes()),
    ];
    record(0x20, 4, &values, payload)
}

/// An event of process 44 with this id.
pub(crate) fn event(id: u16, ticks: u64, payload: &[u8]) -> Vec<u8> {
    let values: [(usize, &[u8]); 6] = [
        (2, &[0x13, 0xc0]),
        (8, &33_u32.to_le_bytes()),
        (0xc, &44_u32.to_le_bytes()),
        (0x10, &ticks.to_le_bytes()),
        (0x18, &[7; 16]),
        (0x28, &id.to_le_bytes()),
    ];
    record(0x50, 0, &values, payload)
}

/// A log under construction.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) is_32: bool,
    pub(crate) clock: u32,
    pub(crate) frequency: u64,
    pub(crate) megahertz: u32,
    pub(crate) mode: u32,
    pub(crate) log_version: (u8, u8),
    /// When it begins, and the ticks of its first record.
    pub(crate) start: (u64, u64),
    pub(crate) lost: (u32, u32),
    pub(crate) buffer_size: usize,
    /// What fills buffers behind their records.
    pub(crate) padding: u8,
    pub(crate) buffers: Vec<Vec<u8>>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            is_32: false,
            clock: 1,
            frequency: 10_000_000,
            megahertz: 0,
            mode: 1,
            log_version: (1, 5),
            start: (132_000_000_000_000_000, 1_000),
            lost: (0, 0),
            buffer_size: 0x1000,
            padding: 0xff,
            buffers: Vec::new(),
        }
    }
}

impl Log {
    /// Adds a buffer of a processor.
    pub(crate) fn add(&mut self, processor: u8, records: &[Vec<u8>]) -> &mut Self {
        let buffer = self.buffer(processor, records, 0);
        self.add_raw(buffer)
    }
    pub(crate) fn add_raw(&mut self, buffer: Vec<u8>) -> &mut Self {
        self.buffers.push(buffer);
        self
    }
    /// Adds a buffer whose records are packed already; they begin and end where they would unpacked.
    pub(crate) fn add_packed(&mut self, processor: u8, packed: &[u8], end: u32) -> &mut Self {
        let size = u32::try_from(0x48 + packed.len()).unwrap();
        let mut buffer = fields(
            0x48,
            &[(0, &size.to_le_bytes()), (0x30, &end.to_le_bytes()), (0x34, &[0x60, 0])],
        );
        buffer[0x28] = processor;
        buffer.extend(packed);
        self.add_raw(buffer)
    }

    fn buffer(&self, processor: u8, records: &[Vec<u8>], kind: u16) -> Vec<u8> {
        let size = u32::try_from(self.buffer_size).unwrap();
        let mut buffer = fields(
            0x48,
            &[(0, &size.to_le_bytes()), (0x28, &[processor, 8]), (0x36, &kind.to_le_bytes())],
        );
        for record in records {
            buffer.extend(record);
            buffer.resize(buffer.len().next_multiple_of(8), 0);
        }
        let end = u32::try_from(buffer.len()).unwrap();
        buffer[0x30..0x34].copy_from_slice(&end.to_le_bytes());
        assert!(buffer.len() <= self.buffer_size);
        buffer.resize(self.buffer_size, self.padding);
        buffer
    }

    fn header(&self) -> Vec<u8> {
        let (marker, zone, back) = if self.is_32 { (1, 0x40, 8) } else { (2, 0x48, 0) };
        let size = u32::try_from(self.buffer_size).unwrap();
        let written = u32::try_from(self.buffers.len() + 1).unwrap();
        let mut payload = fields(
            0x118 - back,
            &[
                (0, &size.to_le_bytes()),
                (4, &[10, 0, self.log_version.0, self.log_version.1]),
                (8, &19_045_u32.to_le_bytes()),
                (0xc, &2_u32.to_le_bytes()),
                (0x20, &self.mode.to_le_bytes()),
                (0x24, &written.to_le_bytes()),
                (0x2c, &(if self.is_32 { 4_u32 } else { 8 }).to_le_bytes()),
                (0x30, &self.lost.0.to_le_bytes()),
                (0x34, &self.megahertz.to_le_bytes()),
                (zone, &(-60_i32).to_le_bytes()),
                (0x100 - back, &self.frequency.to_le_bytes()),
                (0x108 - back, &self.start.0.to_le_bytes()),
                (0x110 - back, &self.clock.to_le_bytes()),
                (0x114 - back, &self.lost.1.to_le_bytes()),
            ],
        );
        for name in ["session", r"C:\a.etl"] {
            payload.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
            payload.extend([0, 0]);
        }
        let mut record = system(0, 0, self.start.1, &payload);
        record[2] = marker;
        record
    }

    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.buffer(0, &[self.header()], 4);
        bytes.extend(self.buffers.concat());
        bytes
    }
}
