//! Images of programs by their parts: a header, one section, and in it imports, a version and exports.
//!
//! The section's address (0x1000) and its offset in the file (0x400) differ, so that a reader that mixes
//! them up finds nothing.

/// A function that is imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Import {
    Name(String),
    Ordinal(u16),
}

/// What an image has.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    pub is_64_bit: bool,
    /// Libraries, and what is imported of each.
    pub imports: Vec<(String, Vec<Import>)>,
    /// Whether the names of imports stand where their addresses will be, as old linkers wrote them.
    pub is_old: bool,
    /// Names and texts of the version resource; no resource without any.
    pub version: Vec<(String, String)>,
    /// Addresses and names of functions, by name; one of address 0 is forwarded to another library.
    pub exports: Vec<(u32, String)>,
}

pub const ADDRESS: u32 = 0x1000;
pub const OFFSET: u32 = 0x400;

/// The bytes of the one section.
#[derive(Default)]
struct Section(Vec<u8>);

impl Section {
    /// Adds bytes on a border of four; returns their address.
    fn put(&mut self, bytes: &[u8]) -> u32 {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        let address = ADDRESS + u32::try_from(self.0.len()).unwrap();
        self.0.extend_from_slice(bytes);
        address
    }
    fn put_name(&mut self, hint: &[u8], name: &str) -> u32 {
        self.put(&[hint, name.as_bytes(), &[0]].concat())
    }
    fn put_numbers(&mut self, numbers: &[u32]) -> u32 {
        self.put(&numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>())
    }
    fn end(&self) -> u32 {
        ADDRESS + u32::try_from(self.0.len()).unwrap()
    }
}

/// The file of an image.
pub fn image(parts: &Parts) -> Vec<u8> {
    let mut section = Section::default();
    let mut directories = [(0, 0); 16];
    if !parts.exports.is_empty() {
        directories[0] = exports(&mut section, &parts.exports);
    }
    if !parts.imports.is_empty() {
        directories[1] = (imports(&mut section, parts), 0);
    }
    if !parts.version.is_empty() {
        directories[2] = (resources(&mut section, &version(&parts.version)), 0);
    }
    // Room that a reader may look at behind the last table.
    section.put(&[0; 16]);
    file(parts.is_64_bit, &directories, &section.0)
}

fn file(is_64_bit: bool, directories: &[(u32, u32); 16], section: &[u8]) -> Vec<u8> {
    let optional_length: u16 = if is_64_bit { 240 } else { 224 };
    let mut file = vec![0; 0x80];
    file[..2].copy_from_slice(b"MZ");
    file[0x3c..0x40].copy_from_slice(&0x80_u32.to_le_bytes());
    file.extend(b"PE\0\0");
    let machine: u16 = if is_64_bit { 0x8664 } else { 0x14c };
    file.extend(machine.to_le_bytes());
    file.extend(1_u16.to_le_bytes());
    file.extend([0; 12]);
    file.extend(optional_length.to_le_bytes());
    file.extend([0; 2]);
    let optional = file.len();
    file.resize(optional + usize::from(optional_length), 0);
    let magic: u16 = if is_64_bit { 0x20b } else { 0x10b };
    file[optional..optional + 2].copy_from_slice(&magic.to_le_bytes());
    file[optional + 60..optional + 64].copy_from_slice(&OFFSET.to_le_bytes());
    let at = optional + if is_64_bit { 112 } else { 96 };
    file[at - 4..at].copy_from_slice(&16_u32.to_le_bytes());
    for (index, (address, length)) in directories.iter().enumerate() {
        let at = at + 8 * index;
        file[at..at + 4].copy_from_slice(&address.to_le_bytes());
        file[at + 4..at + 8].copy_from_slice(&length.to_le_bytes());
    }
    let length = u32::try_from(section.len()).unwrap();
    file.extend(b".data\0\0\0");
    for number in [length, ADDRESS, length.next_multiple_of(0x200), OFFSET, 0, 0, 0, 0] {
        file.extend(number.to_le_bytes());
    }
    file.resize(OFFSET as usize, 0);
    file.extend(section);
    file
}

fn imports(section: &mut Section, parts: &Parts) -> u32 {
    let mut descriptors = Vec::new();
    for (library, functions) in &parts.imports {
        let mut list = Vec::new();
        for function in functions {
            let import = match function {
                Import::Name(name) => u64::from(section.put_name(&[7, 0], name)),
                Import::Ordinal(number) if parts.is_64_bit => 1 << 63 | u64::from(*number),
                Import::Ordinal(number) => 1 << 31 | u64::from(*number),
            };
            list.push(import);
        }
        list.push(0);
        let width = if parts.is_64_bit { 8 } else { 4 };
        let bytes: Vec<u8> =
            list.iter().flat_map(|import| import.to_le_bytes()[..width].to_vec()).collect();
        let names = if parts.is_old { 0 } else { section.put(&bytes) };
        let addresses = section.put(&bytes);
        let library = section.put_name(&[], library);
        descriptors.extend([names, 0, 0, library, addresses]);
    }
    descriptors.extend([0; 5]);
    section.put_numbers(&descriptors)
}

fn exports(section: &mut Section, exports: &[(u32, String)]) -> (u32, u32) {
    let names: Vec<u32> = exports.iter().map(|(_, name)| section.put_name(&[], name)).collect();
    let names = section.put_numbers(&names);
    let count = u32::try_from(exports.len()).unwrap();
    // The directory begins here; what is forwarded points into it.
    let start = section.end().next_multiple_of(4);
    // Functions stand in the other order than their names.
    let functions: Vec<u32> = exports.iter().rev().map(|(address, _)| *address).collect();
    let functions: Vec<u32> = functions
        .into_iter()
        .map(|address| if address == 0 { start + 4 } else { address })
        .collect();
    let places: Vec<u8> = (0..exports.len())
        .rev()
        .flat_map(|place| u16::try_from(place).unwrap().to_le_bytes())
        .collect();
    let lists = start + 40;
    let places_at = lists + 4 * count;
    let header = [0, 0, 0, 0, 1, count, count, lists, names, places_at];
    assert_eq!(section.put_numbers(&header), start);
    assert_eq!(section.put_numbers(&functions), lists);
    assert_eq!(section.put(&places), places_at);
    (start, 40)
}

/// Three tables with an entry each, then where the data is, then the data.
fn resources(section: &mut Section, data: &[u8]) -> u32 {
    let table = |id: u32, next: u32| [0, 0, 0, 1 << 16, id, next];
    let further = 1_u32 << 31;
    let start = section.end().next_multiple_of(4);
    let mut numbers = Vec::new();
    numbers.extend(table(16, further | 24));
    numbers.extend(table(1, further | 48));
    numbers.extend(table(1_033, 72));
    numbers.extend([start + 88, u32::try_from(data.len()).unwrap(), 0, 0]);
    assert_eq!(section.put_numbers(&numbers), start);
    assert_eq!(section.put(data), start + 88);
    start
}

fn letters(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// A block of a version resource.
pub fn block(name: &str, value_length: usize, value: &[u8], children: &[Vec<u8>]) -> Vec<u8> {
    let mut block = vec![0, 0];
    block.extend(u16::try_from(value_length).unwrap().to_le_bytes());
    block.extend([1, 0]);
    block.extend(letters(name));
    for part in std::iter::once(value).chain(children.iter().map(Vec::as_slice)) {
        block.resize(block.len().next_multiple_of(4), 0);
        block.extend(part);
    }
    let length = u16::try_from(block.len()).unwrap().to_le_bytes();
    block[..2].copy_from_slice(&length);
    block
}

/// A version resource with one language.
pub fn version(texts: &[(String, String)]) -> Vec<u8> {
    let text = |(name, text): &(String, String)| {
        block(name, text.encode_utf16().count() + 1, &letters(text), &[])
    };
    let texts: Vec<_> = texts.iter().map(text).collect();
    let language = block("040904B0", 0, &[], &texts);
    let translation = block("Translation", 4, &[9, 4, 0xb0, 4], &[]);
    let others = block("VarFileInfo", 0, &[], &[translation]);
    let strings = block("StringFileInfo", 0, &[], &[language]);
    block("VS_VERSION_INFO", 52, &[0x5a; 52], &[others, strings])
}
