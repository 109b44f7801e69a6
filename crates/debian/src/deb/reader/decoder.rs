//! The compressions that dpkg has. Of an archive in several streams, members or frames all are read, as the compressors'
//! own tools do.

use std::io::{BufRead, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

use super::{DebError, Limits, malformed, unreadable, unsupported};

/// Decompresses a member by the end of its name.
pub(super) fn decoder<'a>(
    source: impl BufRead + 'a,
    compression: &str,
    limits: &Limits,
) -> Result<Box<dyn Read + 'a>, DebError> {
    let of_lzma = |stream: Result<Stream, _>| {
        stream.map_err(|e: liblzma::stream::Error| malformed(e.to_string()))
    };
    let decoder: Box<dyn Read + 'a> = match compression {
        "" => Box::new(source),
        ".gz" => Box::new(MultiGzDecoder::new(source)),
        ".bz2" => Box::new(MultiBzDecoder::new(source)),
        ".xz" => {
            let stream = of_lzma(Stream::new_stream_decoder(limits.memory, CONCATENATED))?;
            Box::new(XzDecoder::new_stream(source, stream))
        }
        ".lzma" => {
            let stream = of_lzma(Stream::new_lzma_decoder(limits.memory))?;
            Box::new(XzDecoder::new_stream(source, stream))
        }
        ".zst" => {
            let mut decoder = zstd::Decoder::with_buffer(source).map_err(unreadable)?;
            decoder
                .window_log_max(limits.memory.max(1 << 10).ilog2().min(31))
                .map_err(unreadable)?;
            Box::new(decoder)
        }
        other => {
            return Err(unsupported(format!(
                "dpkg knows no compression `{other}`, as which its members are compressed"
            )));
        }
    };
    Ok(decoder)
}
