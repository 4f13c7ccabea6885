//! key → slot: CRC16 (XMODEM) mod 16384 with Redis Cluster's `{hash tag}` rule, so that
//! cluster-aware clients compute the same number. Source: the Redis Cluster specification.

/// How many slots there are.
pub const SLOTS: u16 = 16_384;

/// A slot, 0..16383.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// Slot 0.
    pub const FIRST: Slot = Slot(0);

    /// The slot of a key: of its hash tag when it has a non-empty one, else of all its bytes.
    pub fn of(key: &[u8]) -> Slot {
        Slot(crc16(hash_tag(key)) % SLOTS)
    }

    /// The slot with this number, if it is one.
    pub fn new(number: u16) -> Option<Slot> {
        (number < SLOTS).then_some(Slot(number))
    }

    /// Every slot, ascending.
    pub fn all() -> impl ExactSizeIterator<Item = Slot> + Clone {
        (0..SLOTS).map(Slot)
    }

    /// Its number, below [`SLOTS`].
    pub fn number(self) -> u16 {
        self.0
    }
}

/// The part of a key that decides its slot: between the first `{` and the next `}`, if not empty.
pub fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = memchr::memchr(b'{', key) else { return key };
    let rest = &key[open + 1..];
    match memchr::memchr(b'}', rest) {
        Some(end) if end > 0 => &rest[..end],
        _ => key,
    }
}

/// Eight tables: byte `i` of a group of eight goes through table `7 - i` (Sarwate's method, sliced).
const TABLES: [[u16; 256]; 8] = {
    let mut tables = [[0u16; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut level = 1;
    while level < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[level - 1][byte];
            tables[level][byte] = (before << 8) ^ tables[0][(before >> 8) as usize];
            byte += 1;
        }
        level += 1;
    }
    tables
};

/// CRC16/XMODEM: polynomial 0x1021, initial value 0, not reflected.
pub fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0u16;
    let (groups, rest) = bytes.as_chunks::<8>();
    for g in groups {
        let [hi, lo] = crc.to_be_bytes();
        crc = TABLES[7][usize::from(g[0] ^ hi)]
            ^ TABLES[6][usize::from(g[1] ^ lo)]
            ^ TABLES[5][usize::from(g[2])]
            ^ TABLES[4][usize::from(g[3])]
            ^ TABLES[3][usize::from(g[4])]
            ^ TABLES[2][usize::from(g[5])]
            ^ TABLES[1][usize::from(g[6])]
            ^ TABLES[0][usize::from(g[7])];
    }
    for &byte in rest {
        crc = (crc << 8) ^ TABLES[0][usize::from((crc >> 8) as u8 ^ byte)];
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One bit at a time: the definition, against which the tables are held.
    fn crc16_by_definition(bytes: &[u8]) -> u16 {
        bytes.iter().fold(0, |crc, &byte| {
            (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| {
                if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 }
            })
        })
    }

    #[test]
    fn crc_matches_the_published_check_value() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
    }

    #[test]
    fn crc_matches_its_definition_at_every_length() {
        let bytes: Vec<u8> = (0..200u32).map(|i| (i * 167 + 13) as u8).collect();
        for n in 0..bytes.len() {
            assert_eq!(crc16(&bytes[..n]), crc16_by_definition(&bytes[..n]), "length {n}");
        }
    }

    #[test]
    fn hash_tags_follow_the_cluster_specification() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"{user1000}.following", b"user1000"),
            (b"foo{}{bar}", b"foo{}{bar}"),
            (b"foo{{bar}}zap", b"{bar"),
            (b"foo{bar}{zap}", b"bar"),
            (b"foo{bar", b"foo{bar"),
            (b"", b""),
        ];
        for (key, tag) in cases {
            assert_eq!(hash_tag(key), tag);
        }
        assert_eq!(Slot::of(b"foo").number(), 12182, "as redis-cli CLUSTER KEYSLOT foo says");
    }
}
