# Functions with nixpkgs' names and, as far as nix/ can tell, nixpkgs' behaviour.
let
  self = {
    inherit (builtins) filter;
    genAttrs = names: make: builtins.listToAttrs (map (name: { inherit name; value = make name; }) names);
    nameValuePair = name: value: { inherit name value; };
    mapAttrs' = make: set: builtins.listToAttrs (map (name: make name set.${name}) (builtins.attrNames set));
    versionAtLeast = a: b: builtins.compareVersions a b >= 0;
    versions.major = version: builtins.head (builtins.splitVersion version);
    assertMsg = holds: words: if holds then true else throw words;
    getExe = package: "${package}/bin/${package.meta.mainProgram}";
    getExe' = package: name: "${package}/bin/${name}";
    licenses.mit = { spdxId = "MIT"; };
    platforms.linux = [ "x86_64-linux" "aarch64-linux" ];
    fileset.unions = files: assert builtins.all builtins.pathExists files; files;
    fileset.toSource = { root, fileset }: builtins.seq (builtins.length fileset) (builtins.path { path = root; name = "source"; filter = path: _: false; });
    mkEnableOption = description: { _type = "option"; inherit description; };
    mkIf = condition: content: if condition then content else { };
    # No module system: what plain modules set is the configuration that the others are asked with.
    nixosSystem =
      { system, modules }:
      let
        pkgs = import ./packages.nix { inherit system; lib = self; };
        asked = map (module: module { inherit config pkgs; lib = self; }) modules;
        plain = builtins.filter (module: !(module ? options)) asked;
        config = builtins.foldl' (a: b: a // b) { } plain;
        others = builtins.filter (module: module ? options) asked;
        made = builtins.deepSeq (map (module: module.config.services.postgresql.settings) others) others;
        derivation' = derivation { name = "system"; inherit system; builder = "/bin/sh"; extensions = builtins.concatMap (module: module.config.services.postgresql.extensions { }) made; };
      in
      { config = config // { system.build.toplevel = derivation'; }; };
  };
in
self
