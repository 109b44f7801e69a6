{
  description = "pgml: machine learning in Postgres";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      each = make: lib.genAttrs systems (system: make (import ./. { pkgs = nixpkgs.legacyPackages.${system}; }));
    in
    {
      packages = each (pgml: pgml.packages);
      devShells = each (pgml: { default = pgml.shell; });
      checks = each (pgml: pgml.packages // { nixos = pgml.test self.nixosModules.default; });
      formatter = lib.genAttrs systems (system: nixpkgs.legacyPackages.${system}.nixfmt-rfc-style);
      nixosModules.default = import ./module.nix;
      nixosConfigurations.example = lib.nixosSystem {
        system = "x86_64-linux";
        modules = [
          self.nixosModules.default
          (import ./example.nix)
        ];
      };
    };
}
