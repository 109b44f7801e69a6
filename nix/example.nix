# A machine with the extension: what a configuration adds to its own.
{ pkgs, ... }:
{
  services.postgresql = {
    enable = true;
    package = pkgs.postgresql_17;
    pgml.enable = true;
  };
}
