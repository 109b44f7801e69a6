//! The same loop in the instructions of several processors. `packaging/policy.toml` names those that are chosen at run time.
//!
//! Each module has the few operations on a vector of bytes that [`tree_leaves`] is made of.

use super::super::BLOCK;
use super::super::level::Level;
use super::Crossing;

/// The number of the first leaf that is left for each row.
pub fn leaves(crossings: &[Crossing], ends: &[u32], passed: &[i8], level: Level) -> [u8; BLOCK] {
    let mut found = [u8::MAX; BLOCK];
    // SAFETY: `Bits::add` took the columns from the forest, each of which has a block in `passed`, and the ends are within the
    // crossings; a level is only asked for where it is.
    unsafe {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => avx512::tree_leaves(crossings, ends, passed, &mut found),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => avx2::tree_leaves(crossings, ends, passed, &mut found),
            #[cfg(target_arch = "x86_64")]
            Level::Sse2 => sse2::tree_leaves(crossings, ends, passed, &mut found),
            _ => portable::tree_leaves(crossings, ends, passed, &mut found),
        }
    }
    found
}

/// The loop, for the operations of the module that it stands in.
macro_rules! tree_leaves {
    ($(#[$features:meta])*) => {
        /// # Safety
        ///
        /// The processor needs the module's instructions, `passed` a block for each column, and the crossings all ends.
        $(#[$features])*
        pub unsafe fn tree_leaves(crossings: &[Crossing], ends: &[u32], passed: &[i8], found: &mut [u8; BLOCK]) {
            const VECTORS: usize = BLOCK / size_of::<Vector>();
            let mut best = [splat(u8::MAX); VECTORS];
            let mut start = 0;
            for (eight, end) in ends.iter().enumerate() {
                let end = *end as usize;
                debug_assert!(start <= end && end <= crossings.len());
                let mut gone = [splat(0); VECTORS];
                // SAFETY: the caller's.
                for crossing in unsafe { crossings.get_unchecked(start..end) } {
                    let column = usize::from(crossing.column) * BLOCK;
                    debug_assert!(column + BLOCK <= passed.len());
                    let (threshold, leaves) = (splat(crossing.passed as u8), splat(crossing.leaves));
                    for (place, gone) in gone.iter_mut().enumerate() {
                        // SAFETY: the caller's: the block of the column has as many vectors.
                        let passed = unsafe { load(passed.as_ptr().add(column).cast::<Vector>().add(place)) };
                        *gone = or(*gone, and(greater(passed, threshold), leaves));
                    }
                }
                // A tree has at most 32 times eight leaves.
                let first = splat((eight * 8) as u8);
                for (best, gone) in best.iter_mut().zip(&gone) {
                    *best = smaller(*best, or(lowest_left(*gone), first));
                }
                start = end;
            }
            for (place, best) in best.into_iter().enumerate() {
                // SAFETY: `found` has as many vectors.
                unsafe { store(found.as_mut_ptr().cast::<Vector>().add(place), best) };
            }
        }
    };
}

/// For each byte with some bits set: the place of the lowest bit that is not set; all ones where all are. By parts of a byte.
const LOW: [u8; 16] = [0, 1, 0, 2, 0, 1, 0, 3, 0, 1, 0, 2, 0, 1, 0, 255];
const HIGH: [u8; 16] = [4, 5, 4, 6, 4, 5, 4, 7, 4, 5, 4, 6, 4, 5, 4, 255];

/// What every processor of every architecture has.
mod portable {
    use super::*;

    type Vector = [u8; 16];

    fn map(left: Vector, right: Vector, each: impl Fn(u8, u8) -> u8) -> Vector {
        std::array::from_fn(|place| each(left[place], right[place]))
    }

    fn splat(byte: u8) -> Vector {
        [byte; 16]
    }

    unsafe fn load(from: *const Vector) -> Vector {
        // SAFETY: the caller's.
        unsafe { *from }
    }

    unsafe fn store(to: *mut Vector, vector: Vector) {
        // SAFETY: the caller's.
        unsafe { *to = vector };
    }

    fn or(left: Vector, right: Vector) -> Vector {
        map(left, right, |left, right| left | right)
    }

    fn and(left: Vector, right: Vector) -> Vector {
        map(left, right, |left, right| left & right)
    }

    fn smaller(left: Vector, right: Vector) -> Vector {
        map(left, right, u8::min)
    }

    fn greater(left: Vector, right: Vector) -> Vector {
        map(left, right, |left, right| if left as i8 > right as i8 { u8::MAX } else { 0 })
    }

    fn lowest_left(gone: Vector) -> Vector {
        gone.map(|gone| LOW[usize::from(gone & 15)].min(HIGH[usize::from(gone >> 4)]))
    }

    tree_leaves!(#[inline(never)]);
}

/// What every x86-64 has.
#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::*;

    use super::*;

    type Vector = __m128i;

    fn splat(byte: u8) -> Vector {
        // SAFETY: SSE2 is in every x86-64; so for all of this module.
        unsafe { _mm_set1_epi8(byte as i8) }
    }

    unsafe fn load(from: *const Vector) -> Vector {
        // SAFETY: the caller's.
        unsafe { _mm_loadu_si128(from) }
    }

    unsafe fn store(to: *mut Vector, vector: Vector) {
        // SAFETY: the caller's.
        unsafe { _mm_storeu_si128(to, vector) };
    }

    fn or(left: Vector, right: Vector) -> Vector {
        // SAFETY: see `splat`.
        unsafe { _mm_or_si128(left, right) }
    }

    fn and(left: Vector, right: Vector) -> Vector {
        // SAFETY: see `splat`.
        unsafe { _mm_and_si128(left, right) }
    }

    fn smaller(left: Vector, right: Vector) -> Vector {
        // SAFETY: see `splat`.
        unsafe { _mm_min_epu8(left, right) }
    }

    fn greater(left: Vector, right: Vector) -> Vector {
        // SAFETY: see `splat`.
        unsafe { _mm_cmpgt_epi8(left, right) }
    }

    /// There is no instruction that looks bytes up: of the lowest bit that is not set, alone, the place in binary.
    fn lowest_left(gone: Vector) -> Vector {
        // SAFETY: see `splat`.
        unsafe {
            let zero = _mm_setzero_si128();
            let alone = _mm_andnot_si128(gone, _mm_add_epi8(gone, splat(1)));
            let digit = |among: u8, worth: u8| {
                let is_other = _mm_cmpeq_epi8(and(alone, splat(among)), zero);
                _mm_andnot_si128(is_other, splat(worth))
            };
            let place = or(digit(0xAA, 1), or(digit(0xCC, 2), digit(0xF0, 4)));
            or(place, _mm_cmpeq_epi8(alone, zero))
        }
    }

    tree_leaves!();
}

/// The operations of a processor's vectors that are wider than SSE2's.
#[cfg(target_arch = "x86_64")]
macro_rules! wide {
    ($feature:literal, $vector:ty, $splat:ident, $load:ident, $store:ident, $or:ident, $and:ident, $smaller:ident,
     $shift:ident, $look_up:ident) => {
        use std::arch::x86_64::*;

        use super::*;

        type Vector = $vector;

        #[inline]
        #[target_feature(enable = $feature)]
        fn splat(byte: u8) -> Vector {
            $splat(byte as i8)
        }

        #[inline]
        #[target_feature(enable = $feature)]
        unsafe fn load(from: *const Vector) -> Vector {
            // SAFETY: the caller's.
            unsafe { $load(from.cast()) }
        }

        #[inline]
        #[target_feature(enable = $feature)]
        unsafe fn store(to: *mut Vector, vector: Vector) {
            // SAFETY: the caller's.
            unsafe { $store(to.cast(), vector) };
        }

        #[inline]
        #[target_feature(enable = $feature)]
        fn or(left: Vector, right: Vector) -> Vector {
            $or(left, right)
        }

        #[inline]
        #[target_feature(enable = $feature)]
        fn and(left: Vector, right: Vector) -> Vector {
            $and(left, right)
        }

        #[inline]
        #[target_feature(enable = $feature)]
        fn smaller(left: Vector, right: Vector) -> Vector {
            $smaller(left, right)
        }

        #[inline]
        #[target_feature(enable = $feature)]
        fn lowest_left(gone: Vector) -> Vector {
            let half = splat(15);
            let high = $look_up(table(HIGH), and($shift::<4>(gone), half));
            smaller($look_up(table(LOW), and(gone, half)), high)
        }

        tree_leaves!(#[target_feature(enable = $feature)]);
    };
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    wide!(
        "avx2",
        __m256i,
        _mm256_set1_epi8,
        _mm256_loadu_si256,
        _mm256_storeu_si256,
        _mm256_or_si256,
        _mm256_and_si256,
        _mm256_min_epu8,
        _mm256_srli_epi16,
        _mm256_shuffle_epi8
    );

    #[inline]
    #[target_feature(enable = "avx2")]
    fn greater(left: Vector, right: Vector) -> Vector {
        _mm256_cmpgt_epi8(left, right)
    }

    /// The table for each half of a vector.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn table(of: [u8; 16]) -> Vector {
        // SAFETY: 16 bytes are read where 16 are.
        _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(of.as_ptr().cast()) })
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    wide!(
        "avx512bw",
        __m512i,
        _mm512_set1_epi8,
        _mm512_loadu_si512,
        _mm512_storeu_si512,
        _mm512_or_si512,
        _mm512_and_si512,
        _mm512_min_epu8,
        _mm512_srli_epi16,
        _mm512_shuffle_epi8
    );

    #[inline]
    #[target_feature(enable = "avx512bw")]
    fn greater(left: Vector, right: Vector) -> Vector {
        _mm512_movm_epi8(_mm512_cmpgt_epi8_mask(left, right))
    }

    /// The table for each quarter of a vector.
    #[inline]
    #[target_feature(enable = "avx512bw")]
    fn table(of: [u8; 16]) -> Vector {
        // SAFETY: 16 bytes are read where 16 are.
        _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(of.as_ptr().cast()) })
    }
}
