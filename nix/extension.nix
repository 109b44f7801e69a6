# The extension for one major. Not buildPgrxExtension: its schema comes from SQL scripts, so that cargo-pgrx has nothing to do.
{
  lib,
  rustPlatform,
  rustc,
  pkg-config,
  python3,
  postgresql,
  openblas,
  major,
  version,
}:
assert lib.assertMsg (lib.versionAtLeast rustc.version "1.95") "pgml needs Rust 1.95, this nixpkgs has ${rustc.version}";
rustPlatform.buildRustPackage {
  pname = "postgresql-${major}-pgml";
  inherit version;
  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../extension
      ../python/pgml_runtime
    ];
  };
  cargoRoot = "extension";
  buildAndTestSubdir = "extension";
  # Every crate by the hash in the lock.
  cargoLock.lockFile = ../extension/Cargo.lock;
  buildNoDefaultFeatures = true;
  buildFeatures = [ "pg${major}" "no-schema" ];
  # The crates of `declare-newer-rust` in extension/Cargo.toml compile on an older Rust than they declare.
  cargoBuildFlags = [ "--ignore-rust-version" ];
  nativeBuildInputs = [
    pkg-config
    rustPlatform.bindgenHook
    postgresql.pg_config
  ];
  buildInputs = [
    openblas
    python3
  ];
  env = {
    PGRX_PG_CONFIG_PATH = lib.getExe' postgresql.pg_config "pg_config";
    PYO3_PYTHON = lib.getExe python3;
  };
  # The library only links inside a server; test.nix loads it into one.
  doCheck = false;
  installPhase = ''
    runHook preInstall
    install -D -m 644 "$(find . -path '*/release/libpgml.so' | head -n 1)" "$out/lib/pgml.so"
    install -D -m 644 -t "$out/share/postgresql/extension" extension/pgml.control extension/sql/*.sql
    runHook postInstall
  '';
  meta = {
    description = "Machine learning in Postgres";
    license = lib.licenses.mit;
    platforms = lib.platforms.linux;
  };
}
