//! The layer of the image that lets a server without Python train: the interpreter's library, its standard library, and the
//! packages of `pgml-python`.
//!
//! It is mounted anywhere. `lib/` is for the dynamic linker (CloudNativePG's `ld_library_path`): the extension's library names
//! `libpython3.X.so.1.0`, which few images of Postgres have. From where the linker finds it the extension knows the rest:
//! `lib/python3.X/` beside it, and `pgml/python3.X/site-packages` one directory up.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base::exit::Failure;
use base::files::{self, FileError};
use base::sandbox::Sandbox;
use debian::deb::reader::{self, Limits};
use debian::rootfs;

use super::OciError;
use super::layer::{self, Layer};
use crate::layout::PYTHON_PREFIX;
use crate::runtime::BYTE_COMPILER;

/// Copies the interpreter out of the packages of the distribution's images, without what only a person at a prompt uses, and
/// what its modules need beyond the libraries that each server of Postgres has. Byte code as in [`crate::runtime`].
/// Programs that can fail stand in no pipe: its status would be that of the last one.
const COLLECT: &str = r#"
out=/build/out/python lib=/build/out/python/lib
mkdir -p "$lib/$PYTHON"
without=$(printf ' --exclude=./%s' __pycache__ '*/__pycache__' test idlelib tkinter turtledemo ensurepip pydoc_data 'config-*' \
    sitecustomize.py dist-packages EXTERNALLY-MANAGED 'lib-dynload/_curses*' 'lib-dynload/_dbm*' 'lib-dynload/nis*' \
    'lib-dynload/readline*')
set -f
tar --directory "/in/packages/usr/lib/$PYTHON" --dereference $without --file=/tmp/library.tar --create .
set +f
tar --directory "$lib/$PYTHON" --file=/tmp/library.tar --extract
find "$out" -type d -exec chmod 755 {} +
find "$out" -type f -exec chmod 644 {} +
"/usr/bin/$PYTHON" -c "$BYTE_COMPILER" "$lib/$PYTHON" "$out"
own=lib$PYTHON.so.1.0
cp "/in/packages/usr/lib/$TRIPLET/$own" "$lib/$own"
chmod 644 "$lib/$own"
mkdir -p "$out/licenses/lib$PYTHON"
cp "/usr/share/doc/lib$PYTHON-minimal/copyright" "$out/licenses/lib$PYTHON/copyright"
printf '%s\n' "lib$PYTHON" "lib$PYTHON-minimal" "lib$PYTHON-stdlib" > /tmp/packages
export LD_LIBRARY_PATH=/in/packages/usr/lib/$TRIPLET:/in/packages/lib/$TRIPLET
ldd "$lib/$own" "$lib/$PYTHON"/lib-dynload/*.so > /tmp/needed
unset LD_LIBRARY_PATH
needed=$(sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' /tmp/needed | sort -u)
for file in $needed; do
    name=${file##*/}
    dpkg-query --search "*/$name" > /tmp/owner
    package=$(head -n 1 /tmp/owner | cut -d: -f1)
    case $package in
        libc6 | zlib1g | libssl* | libcrypt1 | libuuid1 | liblzma5 | libgssapi* | libk* | libcom-err2) continue ;;
    esac
    cp "$(realpath "$file")" "$lib/$name"
    chmod 644 "$lib/$name"
    mkdir -p "$out/licenses/$package"
    cp "/usr/share/doc/$package/copyright" "$out/licenses/$package/copyright"
    echo "$package" >> /tmp/packages
done
sort -u /tmp/packages > /build/out/packages
"#;

/// The interpreter of a distribution, as files.
pub struct Interpreter {
    /// The tree that the layer has.
    pub tree: PathBuf,
    /// The names of the packages that its libraries are from.
    pub packages: Vec<String>,
}

/// Whether the interpreter's files may be in a package of the images. The C library must be that of the root file system in
/// which [`COLLECT`] runs.
fn is_of_interest(deb: &Path) -> bool {
    let name = deb.file_name().and_then(|name| name.to_str());
    let name = name
        .and_then(|name| name.split('_').next())
        .unwrap_or_default();
    let is_library = name.starts_with("lib") || name.starts_with("zlib");
    let of_the_system = ["libc6", "libc-bin", "libllvm", "libicu", "libperl"];
    is_library && !of_the_system.iter().any(|other| name.starts_with(other))
}

/// Collects the interpreter `python3.X` of the packages `debs` into `scratch`. `rootfs` has the same interpreter, and is where
/// the work is done: its own packages are those of the day on which the wheels were compiled.
pub fn interpreter(
    rootfs: &Path,
    debs: &[PathBuf],
    python: &str,
    triplet: &str,
    scratch: &Path,
    log: &Path,
) -> Result<Interpreter, Failure> {
    let unpacked = scratch.join("packages-unpacked");
    let debs: Vec<PathBuf> = debs
        .iter()
        .filter(|deb| is_of_interest(deb))
        .cloned()
        .collect();
    rootfs::unpack_packages(&debs, &unpacked, log)?;
    Sandbox::new(rootfs)
        .tmpfs("/in")
        .read_only(&unpacked, "/in/packages")
        .tmpfs("/build")
        .writable(scratch, "/build/out")
        .env("PYTHON", format!("python{python}"))
        .env("PYTHONHASHSEED", "0")
        .env("BYTE_COMPILER", BYTE_COMPILER)
        .env("TRIPLET", triplet)
        .script(COLLECT)
        .run(log)?;
    let packages = files::read_text(&scratch.join("packages"))?;
    Ok(Interpreter {
        tree: scratch.join("python"),
        packages: packages.lines().map(ToOwned::to_owned).collect(),
    })
}

/// Where a file of the package `pgml-python` goes; `None` if it stays out.
fn place(path: &str) -> Option<String> {
    let prefix = PYTHON_PREFIX.trim_start_matches('/');
    if let Some(name) = path
        .strip_prefix(prefix)
        .and_then(|name| name.strip_prefix('/'))
    {
        return Some(format!("pgml/{name}"));
    }
    (path == "usr/share/doc/pgml-python/copyright")
        .then(|| "licenses/pgml-python/copyright".to_owned())
}

/// Writes the layer of the interpreter and of the package's contents.
pub fn write_layer(
    interpreter: &Interpreter,
    deb: &Path,
    epoch: u64,
    to: &Path,
) -> Result<Layer, Failure> {
    let mut all: BTreeMap<String, (u32, Vec<u8>)> = BTreeMap::new();
    for file in files::files_below(&interpreter.tree)? {
        let path = interpreter.tree.join(&file);
        let mode = std::fs::metadata(&path)
            .map_err(FileError::at("read", &path))?
            .permissions()
            .mode();
        let name = file.to_string_lossy().into_owned();
        all.insert(name, (mode & 0o777, files::read(&path)?));
    }
    let package = reader::read_path(deb, &Limits::default(), |path, _| place(path).is_some())?;
    for file in package.files {
        if let (Some(path), Some(contents)) = (place(&file.path), file.contents) {
            all.insert(path, (0o644, contents));
        }
    }
    for wanted in ["/os.py", "/site-packages/sklearn/__init__.py", ".so.1.0"] {
        if !all.keys().any(|path| path.ends_with(wanted)) {
            let what = format!("the image of the Python runtime has no file `…{wanted}`");
            return Err(OciError::Base(what).into());
        }
    }
    layer::write_files(&all, epoch, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_one_directory_above_the_interpreters_library() {
        let module = "usr/lib/pgml/python3.13/site-packages/sklearn/__init__.py";
        assert_eq!(
            place(module).as_deref(),
            Some("pgml/python3.13/site-packages/sklearn/__init__.py")
        );
        assert_eq!(place("usr/lib/pgmlx/a"), None);
        assert_eq!(place("usr/share/doc/pgml-python/changelog.Debian.gz"), None);
    }
}
