# A machine of example.nix trains a model.
{ testers, module }:
testers.runNixOSTest {
  name = "pgml";
  nodes.machine.imports = [
    module
    ./example.nix
  ];
  testScript = ''
    machine.wait_for_unit("postgresql.service")
    psql = "sudo -u postgres psql -v ON_ERROR_STOP=1 -c "
    machine.succeed(psql + "'CREATE EXTENSION pgml'")
    machine.succeed(psql + "\"SELECT pgml.load_dataset('iris')\"")
    machine.succeed(
        psql + "\"SELECT * FROM pgml.train('Flowers', 'classification', 'pgml.iris', 'target')\""
    )
  '';
}
