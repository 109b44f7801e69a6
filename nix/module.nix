# services.postgresql.pgml.enable: the extension for the server's own major, and its Python packages.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  pgml = import ./. { inherit pkgs; };
  server = config.services.postgresql;
  major = lib.versions.major server.package.version;
in
{
  options.services.postgresql.pgml.enable = lib.mkEnableOption "machine learning in SQL (`CREATE EXTENSION pgml`)";

  config = lib.mkIf server.pgml.enable {
    services.postgresql.extensions = _: [ pgml.extensions.${major} ];
    services.postgresql.settings."pgml.runtime_path" = "${pgml.runtime}";
  };
}
