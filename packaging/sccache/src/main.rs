//! sccache as it is, under a lock of our own.

fn main() {
    sccache::main()
}
