//! Links the extension's own objects in each wrong way, for the test of the BLAS clash (docs/crash.md). Test servers load
//! these libraries, and the checker must refuse them. They must never be packaged.
//!
//! rustc looks for its linker by the name `cc`. The script of that name in this module links as rustc asks. It then repeats
//! the same command for each [`WrongLink`] with one part changed. So the objects and the source are those of the product,
//! and only the link differs. The step fails unless the command repeated without a change gives the same bytes as the
//! product.

use std::path::Path;

use miette::Diagnostic;
use thiserror::Error;

use base::digest::Digest;
use base::exit::{Exit, ExitKind, Failure};
use base::files;

use crate::compile::extension::{Compile, PREPARE, RUSTC};
use crate::plan::Work;
use crate::sbom::audit;

/// A way in which the extension must not be linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongLink {
    /// To the distribution's shared OpenBLAS, as pkg-config and the crate openblas-src do by default.
    Dynamic,
    /// To the shared OpenBLAS with 64-bit integers, which exports the same names.
    Ilp64,
    /// To the static OpenBLAS, without the version script that hides its symbols.
    Exported,
    /// The same with the distribution's own, older static OpenBLAS.
    ExportedOld,
}

impl WrongLink {
    /// Every way, in the order in which the linker script makes them.
    pub const ALL: [Self; 4] = [
        Self::Dynamic,
        Self::Ilp64,
        Self::Exported,
        Self::ExportedOld,
    ];

    /// Its name, and that of its file without `.so`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dynamic => "dynamic",
            Self::Ilp64 => "ilp64",
            Self::Exported => "exported",
            Self::ExportedOld => "exported-old",
        }
    }

    /// The file in the output of the job `blas-clash`.
    pub fn file(self) -> String {
        format!("{}.so", self.name())
    }
}

/// The link repeated without a change.
const UNCHANGED: &str = "unchanged.so";

/// The unchanged link gave something else, so the objects are not the product's.
#[derive(Debug, Error, Diagnostic)]
#[error("the link command repeated unchanged does not give the library that the compile job made")]
#[diagnostic(help(
    "the arguments of rustc in crates/build/src/compile/blas_clash.rs must give the same objects as those in crates/build/src/compile/extension.rs"
))]
struct OtherObjects;

impl ExitKind for OtherObjects {
    fn exit(&self) -> Exit {
        Exit::CheckFailed
    }
}

/// Links each [`WrongLink`]. `product` is the compile job's library before strip, `shared` and `old` the
/// unpacked packages of other builds of OpenBLAS.
pub fn link(
    compile: &Compile<'_>,
    work: &Work<'_>,
    product: &Path,
    shared: &Path,
    old: &Path,
) -> Result<String, Failure> {
    let list = audit::section(&files::read(product)?).ok_or(OtherObjects)?;
    let inputs = work.scratch.join("list");
    files::write(&inputs.join("section"), &list)?;
    compile
        .sandbox(&work.scratch)?
        .read_only(&inputs, "/in/list")
        .env("LIST", Digest::of(&list).to_string())
        .read_only(shared, "/in/shared")
        .read_only(old, "/in/old")
        .writable(&work.out, "/build/out")
        .script(&format!("{PREPARE}{LINK}{RUSTC}{STRIP}"))
        .run(&work.log)?;
    let unchanged = work.out.join(UNCHANGED);
    if files::read(&unchanged)? != files::read(product)? {
        return Err(OtherObjects.into());
    }
    std::fs::remove_file(&unchanged).map_err(files::FileError::at("remove", &unchanged))?;
    let names: Vec<&str> = WrongLink::ALL.into_iter().map(WrongLink::name).collect();
    Ok(format!("the same objects linked {}", names.join(", ")))
}

const LINK: &str = r#"
mkdir /build/linker
cat > /build/linker/cc <<'CC'
#!/bin/sh
# Links as rustc says; the library itself then once more in each wrong way.
set -eu
/usr/bin/cc "$@"

shared=/in/shared/usr/lib/x86_64-linux-gnu
old=/in/old/usr/lib/x86_64-linux-gnu
again() {
    name=$1
    shift
    left=$#
    while [ "$left" -gt 0 ]; do
        argument=$1
        shift
        left=$((left - 1))
        case "$name:$argument" in
            *:*/libpgml.so) argument=/build/out/$name.so ;;
            # The archive is inside the library of the crate that stands for it.
            dynamic:*/libpgml_openblas-*.rlib) argument=-Wl,-Bdynamic,$shared/openblas-pthread/libopenblas.so.0,-Bstatic ;;
            ilp64:*/libpgml_openblas-*.rlib) argument=-Wl,-Bdynamic,$shared/openblas64-pthread/libopenblas64.so.0,-Bstatic ;;
            exported-old:*/libpgml_openblas-*.rlib) argument=$old/openblas-serial/libopenblas.a ;;
            exported*:-Wl,--version-script=*) argument=-Wl,--export-dynamic ;;
        esac
        set -- "$@" "$argument"
    done
    /usr/bin/cc "$@"
}
for argument; do
    case "$argument" in
        */libpgml.so) for name in unchanged dynamic ilp64 exported exported-old; do again "$name" "$@"; done ;;
    esac
done
CC
chmod 755 /build/linker/cc
export PATH=/build/linker:$PATH
# Cargo has to run rustc again with the very arguments of the compile job. An argument more would do, but changes the name
# of the crate's file, and that is in the names which LLVM makes for statics that it moves between units.
rm -rf /build/target/release/.fingerprint/pgml-????????????????
"#;

/// Strips what was linked wrongly as the compile job strips.
const STRIP: &str = r#"
cd /build/out
for library in *.so; do
    chmod 644 "$library"
    [ "$library" = unchanged.so ] || strip --strip-unneeded --remove-section=.comment --remove-section=.note "$library"
done
"#;
