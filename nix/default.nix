# Everything for one nixpkgs. Versions and majors are read from packaging/, which the .debs are made from too.
{ pkgs }:
let
  inherit (pkgs) lib;
  read = file: builtins.fromTOML (builtins.readFile file);
  release = read ../packaging/release.toml;
  majors = map (major: toString major.version) (read ../packaging/targets.toml).major;

  # nixpkgs drops a major when the PostgreSQL project does.
  available = lib.filter (major: pkgs ? "postgresql_${major}") majors;
  extension =
    major:
    pkgs.callPackage ./extension.nix {
      inherit major;
      inherit (release) version;
      postgresql = pkgs."postgresql_${major}";
      # As in the .deb: inside, without threads of its own, which do not survive the fork of a server process.
      openblas = pkgs.openblas.override {
        enableStatic = true;
        enableShared = false;
        singleThreaded = true;
      };
    };
  extensions = lib.genAttrs available extension;
  runtime = pkgs.callPackage ./runtime.nix { inherit (release) version; };
  named = lib.mapAttrs' (major: value: lib.nameValuePair "postgresql-${major}-pgml" value) extensions;
in
{
  inherit extensions runtime;
  packages = named // {
    pgml-python = runtime;
  };
  shell = pkgs.callPackage ./shell.nix { };
  test = module: pkgs.callPackage ./test.nix { inherit module; };
}
