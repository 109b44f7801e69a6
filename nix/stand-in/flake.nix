{
  description = "As much of nixpkgs as nix/ uses, to evaluate it without a network; nothing of it can be built";

  outputs =
    { self }:
    {
      lib = import ./lib.nix;
      legacyPackages = self.lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (system: import ./packages.nix { inherit system; inherit (self) lib; });
    };
}
