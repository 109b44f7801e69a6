//! Which instructions the processor has, asked once.

/// What many rows are taken at once with. Every level gives the same answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every processor has; NEON, as the compiler uses it, on AArch64.
    Portable,
    /// What every x86-64 has.
    Sse2,
    Avx2,
    /// AVX-512 F and BW.
    Avx512,
}

impl Level {
    /// All of them, the lowest first.
    pub const ALL: [Level; 4] = [Level::Portable, Level::Sse2, Level::Avx2, Level::Avx512];

    /// Whether this processor has it, and the system saves its registers.
    pub fn is_here(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return match self {
            Level::Portable | Level::Sse2 => true,
            Level::Avx2 => is_x86_feature_detected!("avx2"),
            Level::Avx512 => is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512f"),
        };
        #[cfg(not(target_arch = "x86_64"))]
        return self == Level::Portable;
    }
}

impl Default for Level {
    /// The highest that is here.
    fn default() -> Level {
        Level::ALL.into_iter().rev().find(|level| level.is_here()).unwrap_or(Level::Portable)
    }
}
