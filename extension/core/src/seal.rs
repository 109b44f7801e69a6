//! The seal of a model's bytes: who has it may rely on them being what this database's extension stored for that model.
//!
//! Sealed bytes are the bytes, a mark, and a keyed BLAKE3 over the model's number, whose reader the bytes are for, and the
//! bytes. It stands at the end, where a reader of pickles does not look: what other programs read stays as it was.

use blake3::{Hash, Hasher, KEY_LEN, OUT_LEN};

/// Before the authentication code.
const MARK: [u8; 8] = *b"pgmlseal";
const SEAL: usize = MARK.len() + OUT_LEN;

/// Who reads a file of a model. The file of one is nothing to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Python's unpickler, which reads `estimator.pkl`.
    Python = 0,
    /// `crate::model`, which reads `estimator.safetensors`.
    Native = 1,
    /// `crate::preprocess`, which reads `preprocess.json`.
    Preprocess = 2,
}

/// What bytes turn out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened<'a> {
    /// Sealed with one of the keys, for this model; without the seal.
    Whole(&'a [u8]),
    /// They have no seal.
    Unsealed,
    /// The seal belongs to other bytes, another model or another key.
    Broken,
}

/// The seal that goes behind the bytes of a model; none with a key of another length than the table of keys allows.
pub fn seal(key: &[u8], model: i64, reader: Reader, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut sealing = Sealing::begin(key, model, reader)?;
    sealing.add(bytes);
    Some(sealing.seal())
}

/// Makes the seal of bytes that are not all there yet.
pub struct Sealing(Hasher);

impl Sealing {
    /// None with a key of another length than the table of keys allows.
    pub fn begin(key: &[u8], model: i64, reader: Reader) -> Option<Sealing> {
        let key: &[u8; KEY_LEN] = key.try_into().ok()?;
        let mut code = Hasher::new_keyed(key);
        code.update(&model.to_le_bytes());
        code.update(&[reader as u8]);
        Some(Sealing(code))
    }

    /// Go on with the next of the bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The seal that goes behind the bytes.
    pub fn seal(&self) -> Vec<u8> {
        [&MARK[..], self.0.finalize().as_bytes()].concat()
    }
}

/// Check the seal of a model's bytes against every key there is.
pub fn open<'a>(keys: &[Vec<u8>], model: i64, reader: Reader, sealed: &'a [u8]) -> Opened<'a> {
    let (bytes, Some(found)) = split(sealed) else { return Opened::Unsealed };
    // Hashes are compared in a time that says nothing about them.
    match keys.iter().any(|key| code(key, model, reader, bytes).is_some_and(|code| code == Hash::from(*found))) {
        true => Opened::Whole(bytes),
        false => Opened::Broken,
    }
}

/// The seal behind bytes, when they have one; unchecked.
pub fn of(sealed: &[u8]) -> Option<&[u8; OUT_LEN]> {
    split(sealed).1
}

/// The bytes without their seal, when they have one; unchecked.
pub fn without(sealed: &[u8]) -> &[u8] {
    split(sealed).0
}

fn split(sealed: &[u8]) -> (&[u8], Option<&[u8; OUT_LEN]>) {
    let parts = sealed.split_last_chunk::<SEAL>();
    match parts.and_then(|(bytes, seal)| Some((bytes, seal.split_last_chunk::<OUT_LEN>()?))) {
        Some((bytes, (mark, code))) if mark == MARK => (bytes, Some(code)),
        _ => (sealed, None),
    }
}

fn code(key: &[u8], model: i64, reader: Reader, bytes: &[u8]) -> Option<Hash> {
    let Sealing(mut code) = Sealing::begin(key, model, reader)?;
    code.update(bytes);
    Some(code.finalize())
}

#[cfg(test)]
mod tests {
    use super::Reader::{Native, Python};
    use super::*;

    const KEY: &[u8] = &[7; 32];

    fn sealed(model: i64, bytes: &[u8]) -> Vec<u8> {
        [bytes, &seal(KEY, model, Python, bytes).expect("a key of 32 bytes")].concat()
    }

    /// Catches a seal that is not checked at all, and one that can't be checked any more.
    #[test]
    fn whole_bytes_open_with_any_of_the_keys() {
        let keys = [vec![1; 32], KEY.to_vec()];
        assert_eq!(open(&keys, 5, Python, &sealed(5, b"bytes")), Opened::Whole(b"bytes"));
        assert_eq!(open(&keys, 5, Python, &sealed(5, b"")), Opened::Whole(b""));
    }

    /// Catches bytes of somebody else that would be read: each change is one that a writer of the table can make.
    #[test]
    fn anything_else_does_not() {
        let keys = [KEY.to_vec()];
        let good = sealed(5, b"bytes");
        assert_eq!(open(&keys, 6, Python, &good), Opened::Broken, "another model's");
        assert_eq!(open(&keys, 5, Native, &good), Opened::Broken, "another reader's");
        assert_eq!(open(&[vec![1; 32]], 5, Python, &good), Opened::Broken, "another key's");
        assert_eq!(open(&[], 5, Python, &good), Opened::Broken, "no key");
        assert_eq!(open(&[vec![7; 31]], 5, Python, &good), Opened::Broken, "no whole key");
        assert_eq!(seal(&[7; 31], 5, Python, b"bytes"), None, "no whole key");
        for place in 0..good.len() {
            let mut changed = good.clone();
            changed[place] ^= 1;
            assert!(!matches!(open(&keys, 5, Python, &changed), Opened::Whole(_)), "byte {place}");
        }
        for length in 0..good.len() {
            assert!(!matches!(open(&keys, 5, Python, &good[..length]), Opened::Whole(_)), "cut to {length}");
        }
        assert_eq!(open(&keys, 5, Python, b"a pickle"), Opened::Unsealed);
        assert_eq!(open(&keys, 5, Python, &[&good[..], b"more"].concat()), Opened::Unsealed);
    }

    /// Catches a seal of bytes in pieces that no reader of the whole accepts.
    #[test]
    fn bytes_in_pieces_have_the_seal_of_the_whole() {
        let mut sealing = Sealing::begin(KEY, 5, Python).expect("a key of 32 bytes");
        [&b"by"[..], b"", b"tes"].iter().for_each(|piece| sealing.add(piece));
        assert_eq!(Some(sealing.seal()), seal(KEY, 5, Python, b"bytes"));
        assert!(Sealing::begin(&[7; 31], 5, Python).is_none());
    }

    /// Catches a seal around a seal.
    #[test]
    fn without_gives_the_bytes() {
        assert_eq!(without(&sealed(5, b"bytes")), b"bytes");
        assert_eq!(without(b"bytes"), b"bytes");
    }
}
