# What `cargo xtask` and work on the extension need.
{
  mkShell,
  rustup,
  pkg-config,
  python3,
  clang,
  postgresql_17,
  openblas,
}:
mkShell {
  packages = [
    rustup
    pkg-config
    python3
    clang
    postgresql_17
    openblas
  ];
}
