//! What a training's process writes to the session: the bytes of a model in frames, as they are made, and its answer behind them.
//!
//! A frame is a length (8 bytes, the lowest first) and as many bytes. A length of zero ends the frames; everything behind it is the
//! answer. `pgml_runtime.pickling.sending` writes the frames. They are taken apart without ever being held as a whole.

/// Where the next byte belongs.
#[derive(Debug)]
enum Place {
    /// To a length, of which so many bytes are known.
    Length([u8; 8], usize),
    /// To a frame, of which so many bytes are missing.
    Frame(u64),
    Answer,
}

/// Takes apart what a process writes.
#[derive(Debug)]
pub struct Frames {
    place: Place,
    answer: Vec<u8>,
}

impl Default for Frames {
    fn default() -> Frames {
        Frames { place: Place::Length([0; 8], 0), answer: Vec::new() }
    }
}

impl Frames {
    /// Take what was read, and hand what is in frames to `each`.
    pub fn take<E>(&mut self, mut read: &[u8], mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        while let Some(first) = read.first() {
            match &mut self.place {
                Place::Length(length, known) => {
                    length[*known] = *first;
                    *known += 1;
                    read = &read[1..];
                    if *known == length.len() {
                        self.place = match u64::from_le_bytes(*length) {
                            0 => Place::Answer,
                            missing => Place::Frame(missing),
                        };
                    }
                }
                Place::Frame(missing) => {
                    let count = usize::try_from(*missing).map_or(read.len(), |missing| missing.min(read.len()));
                    let (frame, rest) = read.split_at(count);
                    *missing -= count as u64;
                    if *missing == 0 {
                        self.place = Place::Length([0; 8], 0);
                    }
                    each(frame)?;
                    read = rest;
                }
                Place::Answer => {
                    self.answer.extend(read);
                    break;
                }
            }
        }
        Ok(())
    }

    /// The answer, as far as it came.
    pub fn answer(self) -> Vec<u8> {
        self.answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u64).to_le_bytes()[..], bytes].concat()
    }

    /// Catches a byte that is lost or counted twice where a pipe cuts what is written, wherever that is.
    #[test]
    fn frames_are_found_however_they_are_cut() {
        let all = [frame(b"first"), frame(&[7; 300]), frame(b""), b"the answer".to_vec()].concat();
        let bytes = [&b"first"[..], &[7; 300]].concat();
        for size in 1..all.len() {
            let (mut frames, mut found) = (Frames::default(), Vec::new());
            for read in all.chunks(size) {
                let taken: Result<(), ()> = frames.take(read, |frame| {
                    found.extend(frame);
                    Ok(())
                });
                assert_eq!(taken, Ok(()));
            }
            assert_eq!((found, frames.answer()), (bytes.clone(), b"the answer".to_vec()), "in pieces of {size}");
        }
    }

    /// Catches a model that is taken for complete, and memory that is asked for by a length that nobody wrote.
    #[test]
    fn a_process_that_ends_in_a_frame_gave_no_answer() {
        let mut frames = Frames::default();
        let written = [&u64::MAX.to_le_bytes()[..], b"part"].concat();
        assert_eq!(frames.take(&written, |_| Ok::<(), ()>(())), Ok(()));
        assert_eq!(frames.answer(), b"");
    }

    /// Catches an error that is passed over.
    #[test]
    fn what_refuses_a_frame_ends_the_reading() {
        let written = [frame(b"first"), frame(b"second")].concat();
        let mut seen = 0;
        let taken = Frames::default().take(&written, |_| {
            seen += 1;
            Err("full")
        });
        assert_eq!((taken, seen), (Err("full"), 1));
    }
}
