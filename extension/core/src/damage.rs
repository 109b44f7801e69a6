//! Damaged files for the tests of readers: of this crate, and of others by the feature `damage`.

/// Changes of one file at most.
const CHANGES: usize = 4;

/// Give `read` each of the valid files `times` times with some bytes changed, the same ones in each run. It tells whether it read
/// the file; returns how many were read, and how many refused.
pub fn damage(valid: &[Vec<u8>], times: usize, mut read: impl FnMut(&[u8]) -> bool) -> (usize, usize) {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let (mut accepted, mut refused) = (0, 0);
    for file in valid {
        for _ in 0..times {
            let mut bytes = file.clone();
            for _ in 0..1 + random(CHANGES) {
                let place = random(bytes.len());
                match random(4) {
                    0 => bytes[place] ^= 1 << random(8),
                    1 => bytes[place] = 0xff,
                    2 => bytes.truncate(place.max(1)),
                    _ => bytes[place] = bytes[random(bytes.len())],
                }
            }
            *(if read(&bytes) { &mut accepted } else { &mut refused }) += 1;
        }
    }
    (accepted, refused)
}
