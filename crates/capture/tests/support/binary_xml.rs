//! Writes event logs: one chunk, a template that is defined in the first record, and its instances.

use std::collections::HashMap;

const CHUNK: usize = 65_536;
const CHUNK_HEADER: usize = 512;

/// A piece of a template definition.
#[derive(Clone, Debug)]
pub enum Part {
    /// An element with attributes; its attributes, `Content` and so on follow.
    Open(&'static str),
    /// An attribute; its value follows.
    Attribute(&'static str),
    Content,
    Close,
    Text(&'static str),
    /// The gap for a value.
    Gap(u16),
    /// Any bytes.
    Bytes(Vec<u8>),
}

/// A value of a record: its type and its bytes.
pub type Value = (u8, Vec<u8>);

/// A text.
pub fn text(text: &str) -> Value {
    (0x01, units(text))
}

fn units(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A chunk that grows.
pub struct Chunk {
    data: Vec<u8>,
    names: HashMap<&'static str, u32>,
    template: Option<u32>,
    records: u64,
}

impl Chunk {
    pub fn new() -> Self {
        let data = vec![0; CHUNK_HEADER];
        Self { data, names: HashMap::new(), template: None, records: 0 }
    }

    /// Adds a record: an instance of the template, which is the same for all of them, with `values`.
    pub fn record(&mut self, template: &[Part], values: &[Value]) {
        let start = self.data.len();
        self.records += 1;
        self.data.extend(b"**\0\0\0\0\0\0");
        self.data.extend(self.records.to_le_bytes());
        self.data.extend(132_000_000_000_000_000_u64.to_le_bytes());
        self.instance(template, values);
        let length = (self.data.len() + 4 - start) as u32;
        self.data.extend(length.to_le_bytes());
        self.data[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
    }

    fn instance(&mut self, template: &[Part], values: &[Value]) {
        self.data.extend([0x0f, 1, 1, 0, 0x0c, 1, 7, 0, 0, 0]);
        let here = self.data.len() as u32 + 4;
        let offset = *self.template.get_or_insert(here);
        self.data.extend(offset.to_le_bytes());
        if offset == here {
            self.definition(template);
        }
        self.data.extend((values.len() as u32).to_le_bytes());
        for (kind, bytes) in values {
            self.data.extend((bytes.len() as u16).to_le_bytes());
            self.data.extend([*kind, 0]);
        }
        values.iter().for_each(|(_, bytes)| self.data.extend(bytes));
    }

    fn definition(&mut self, template: &[Part]) {
        self.data.extend([0; 4 + 16 + 4]);
        let start = self.data.len();
        self.data.extend([0x0f, 1, 1, 0]);
        for part in template {
            match part {
                Part::Open(name) => {
                    self.data.extend([0x41, 0xff, 0xff, 0, 0, 0, 0]);
                    self.name(name);
                    self.data.extend([0; 4]);
                }
                Part::Attribute(name) => {
                    self.data.push(0x06);
                    self.name(name);
                }
                Part::Content => self.data.push(0x02),
                Part::Close => self.data.push(0x04),
                Part::Text(text) => {
                    self.data.extend([0x05, 0x01]);
                    self.data.extend((text.len() as u16).to_le_bytes());
                    self.data.extend(units(text));
                }
                Part::Gap(number) => {
                    self.data.push(0x0e);
                    self.data.extend(number.to_le_bytes());
                    self.data.push(0x01);
                }
                Part::Bytes(bytes) => self.data.extend(bytes),
            }
        }
        self.data.push(0);
        let length = (self.data.len() - start) as u32;
        self.data[start - 4..start].copy_from_slice(&length.to_le_bytes());
    }

    /// The offset of a name, and the name itself where it is used first.
    fn name(&mut self, name: &'static str) {
        let here = self.data.len() as u32 + 4;
        let offset = *self.names.entry(name).or_insert(here);
        self.data.extend(offset.to_le_bytes());
        if offset == here {
            self.data.extend([0; 6]);
            self.data.extend((name.len() as u16).to_le_bytes());
            self.data.extend(units(name));
            self.data.extend([0; 2]);
        }
    }

    /// The log that has this chunk alone; some of its bytes may be written over.
    pub fn log(mut self, damage: &[(usize, u8)]) -> Vec<u8> {
        let free = self.data.len();
        self.data[..8].copy_from_slice(b"ElfChnk\0");
        for (place, number) in [(8, 1), (16, self.records), (24, 1), (32, self.records)] {
            self.data[place..place + 8].copy_from_slice(&number.to_le_bytes());
        }
        for (place, number) in [(40, 128), (44, free), (48, free)] {
            self.data[place..place + 4].copy_from_slice(&(number as u32).to_le_bytes());
        }
        for (place, byte) in damage {
            let place = CHUNK_HEADER + place % (free - CHUNK_HEADER);
            self.data[place] = *byte;
        }
        self.data.resize(CHUNK, 0);
        let mut log = b"ElfFile\0".to_vec();
        log.resize(42, 0);
        log.extend([1, 0]);
        log.resize(4_096, 0);
        log.extend(self.data);
        log
    }
}
