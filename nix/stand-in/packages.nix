# Packages with nixpkgs' names: derivations that nobody can build, with the attributes that nix/ asks for.
{ system, lib }:
let
  make =
    name: attributes:
    let
      made = derivation {
        inherit name system;
        builder = "/bin/sh";
        # What it is made from has an address, so that nothing of it can be missing.
        arguments = builtins.toJSON (removeAttrs attributes [ "meta" "version" "override" "pg_config" ]);
      };
    in
    attributes // made // { override = _: made; type = "derivation"; };
  plain = version: name: make name { inherit version; meta.mainProgram = name; };
  postgresql = major: (plain "${major}.1" "postgresql") // { pg_config = plain major "pg_config"; };
  python = plain "3.13.1" "python3";
  self = lib.genAttrs [ "clang" "openblas" "pkg-config" "rustup" "nixfmt-rfc-style" ] (plain "1") // {
    inherit lib system;
    rustc = plain "1.95.0" "rustc";
    python3 = python // {
      pythonVersion = "3.13";
      sitePackages = "lib/python3.13/site-packages";
      withPackages = choose: make "python3-env" {
        packages = choose (lib.genAttrs [ "lightgbm" "numpy" "scikit-learn" "scipy" "xgboost" ] (plain "1"));
      };
    };
    postgresql_13 = postgresql "13";
    postgresql_14 = postgresql "14";
    postgresql_15 = postgresql "15";
    postgresql_16 = postgresql "16";
    postgresql_17 = postgresql "17";
    postgresql_18 = postgresql "18";
    postgresql_19 = postgresql "19";
    rustPlatform = {
      bindgenHook = plain "1" "bindgen-hook";
      buildRustPackage =
        {
          pname,
          version,
          src,
          cargoRoot,
          buildAndTestSubdir,
          cargoLock,
          cargoBuildFlags,
          buildNoDefaultFeatures,
          buildFeatures,
          nativeBuildInputs,
          buildInputs,
          env,
          doCheck,
          installPhase,
          meta,
        }@arguments:
        # Every crate has a hash, or is one of the sources.
        assert builtins.all (crate: (crate ? source) == (crate ? checksum)) (builtins.fromTOML (builtins.readFile cargoLock.lockFile)).package;
        make "${pname}-${version}" arguments;
    };
    runCommand = name: attributes: script: make name (attributes // { inherit script; });
    mkShell = { packages }: make "shell" { inherit packages; };
    testers.runNixOSTest = { name, nodes, testScript }: assert nodes.machine.imports != [ ]; make "test-${name}" { inherit testScript; };
    callPackage =
      file: given:
      let
        function = import file;
        wanted = builtins.functionArgs function;
      in
      function (builtins.intersectAttrs wanted self // given);
  };
in
self
