//! An error points at the mistake in a policy; the patterns match BLAS's names and no others.
#![allow(clippy::unwrap_used)]

use std::fs;

use super::*;

fn text() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/policy.toml");
    fs::read_to_string(path).unwrap()
}

/// The text between the brackets of the error, which is what a person is pointed to.
fn blamed(text: &str) -> (String, String) {
    match Policy::parse("policy.toml", text).unwrap_err() {
        PolicyError::Wrong { what, at, .. } => {
            (what, text[at.offset()..at.offset() + at.len()].to_owned())
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_typo_is_pointed_at() {
    let (what, at) = blamed(&text().replace("limited_api =", "limited_apj ="));
    assert!(what.contains("limited_apj"), "{what}");
    assert_eq!(at, "limited_apj");
    let (_, at) = blamed(&text().replace("limited_api = \"3.8\"", "limited_api = \"3\""));
    assert_eq!(at, "\"3\"");
    let (_, at) = blamed(&text().replace("rule = \"S7\"", "rule = \"S99\""));
    assert_eq!(at, "\"S99\"");
    let (_, at) = blamed(&text().replace("\"cblas_*\"", "\"cblas_[\""));
    assert_eq!(at, "\"cblas_[\"");
    let (_, at) = blamed(&text().replace("\"x86-64\"", "\"x86\""));
    assert_eq!(at, "\"x86\"");
    let (what, _) = blamed(&text().replace("[openblas.cores.arm64]", "[openblas.cores.arm65]"));
    assert!(what.contains("no cores of arm64"), "{what}");
    let (_, at) = blamed(&text().replace("[\"libc.so.6\", \"libm.so.6\",", "[\"/lib/libc.so.6\","));
    assert_eq!(at, "\"/lib/libc.so.6\"");
    let (_, at) = blamed(&text().replacen("\"/usr/lib64\"", "\"usr/lib64\"", 1));
    assert_eq!(at, "\"usr/lib64\"");
    // Only one of the two lists: the other one then names what is not there.
    let (what, at) = blamed(&text().replacen("    \"/lib64\",\n", "", 1));
    assert!(what.contains("`directories`"), "{what}");
    assert_eq!(at, "\"/lib64\"");
    let (_, at) = blamed(&text().replacen("\"SIMD\"]", "\"SIMDX\"]", 1));
    assert_eq!(at, "\"SIMDX\"");
    let (what, _) = blamed(&text().replace("instructions.arm64", "instructions.arm65"));
    assert!(what.contains("arm65"), "{what}");
    let (_, at) = blamed(&text().replace("\"*openblas*\"", "\"lib*\""));
    assert_eq!(at, "\"lib*\"");
}

/// Catches an exception for one symbol of one library that lets another be taken.
#[test]
fn a_library_keeps_the_symbols_that_are_named_and_no_other() {
    let policy = Policy::parse("policy.toml", &text()).unwrap();
    let parser = "pandas_parser.cpython-311-x86_64-linux-gnu.so";
    assert!(policy.keeps(parser, "parser_init"));
    assert!(!policy.keeps(parser, "raw_parser"));
    assert!(!policy.keeps("_catboost.so", "parser_init"));
    let text = text();
    let (_, after) = text.split_once("[[interposition.own]]").unwrap();
    let (_, reason) = after.split_once("reason = ").unwrap();
    let reason = reason.split('\n').next().unwrap();
    let (what, at) = blamed(&text.replace(reason, "\"\""));
    assert_eq!((what.as_str(), at.as_str()), ("give the reason", "\"\""));
}

#[test]
fn blas_names_in_every_spelling() {
    let policy = Policy::parse("policy.toml", &text()).unwrap();
    for name in [
        "dgemm_",
        "dgemm_64_",
        "dgemm64_",
        "scipy_dgemm_",
        "scipy_dgemm_64_",
        "cblas_ddot",
        "cblas_ddot64_",
        "scipy_cblas_ddot64_",
        "LAPACKE_dgesv",
        "dgelsd_",
        "dlaqz0_",
        "droundup_lwork_",
        "sroundup_lwork_",
        "gotoblas",
        "gotoblas_HASWELL",
        "openblas_set_num_threads",
        "openblas_get_config64_",
        "blas_memory_alloc",
        "dgemm_kernel_ZEN",
        "daxpy_k_SKYLAKEX",
        "dsymv_L_ZEN",
        "dtrsm_RTUU",
        "dgemm_nn",
        "xerbla_",
        "lsame_",
        "ilaenv_",
        "idamax_",
        "dznrm2_",
    ] {
        assert!(policy.is_blas(name), "{name} is BLAS's");
    }
    for name in [
        "Pg_magic_func",
        "malloc",
        "pg_finfo_dgemm_wrapper",
        "PyLong_FromLong",
        "copy_",
        "dot_product",
        "cblast",
        "state_",
        "date_in",
        "__cxa_finalize",
        "_ITM_registerTMCloneTable",
        "dlopen",
        "sgemm",
        "SPI_connect",
        "dl_iterate_phdr",
    ] {
        assert!(!policy.is_blas(name), "{name} is not BLAS's");
    }
}

#[test]
fn forbidden_libraries_by_name() {
    let policy = Policy::parse("policy.toml", &text()).unwrap();
    for name in [
        "libopenblas.so.0",
        "libopenblas64.so.0",
        "libscipy_openblas-68440149.so",
        "libblas.so.3",
        "libcblas.so.3",
        "libgslcblas.so.0",
        "liblapack.so.3",
        "liblapacke.so.3",
        "libgfortran.so.5",
        "libgomp.so.1",
        "libmkl_rt.so.2",
        "libatlas.so.3",
        "libquadmath.so.0",
    ] {
        assert!(policy.forbidden(name).is_some(), "{name}");
    }
    for name in [
        "libc.so.6",
        "libpython3.11.so.1.0",
        "libgeos_c.so.1",
        "libgsl.so.27",
        "libclang.so",
    ] {
        assert!(policy.forbidden(name).is_none(), "{name}");
    }
}
