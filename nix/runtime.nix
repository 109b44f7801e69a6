# The Python packages, where `pgml.runtime_path` looks for them. They are nixpkgs' own and not the wheels of the .deb.
{
  runCommand,
  python3,
  version,
}:
let
  environment = python3.withPackages (packages: [
    packages.lightgbm
    packages.numpy
    packages.scikit-learn
    packages.scipy
    packages.xgboost
  ]);
in
runCommand "pgml-python-${version}" { } ''
  mkdir -p "$out/python${python3.pythonVersion}"
  ln -s "${environment}/${python3.sitePackages}" "$out/python${python3.pythonVersion}/site-packages"
''
