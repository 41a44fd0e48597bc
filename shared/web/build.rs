//! Embeds the files of `assets/`: each under a name with its hash, and as a second copy packed with brotli.
//!
//! A name that changes with the content may be cached for ever. Packing here and not at run time costs nothing per request
//! and packs tighter. A file that is missing ends the build.

use std::{
    env,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

/// Constant, file, how the served name begins, how it ends, media type.
const ASSETS: [(&str, &str, &str, &str, &str); 5] = [
    ("APP_CSS", "app.css", "app", "css", "text/css; charset=utf-8"),
    ("APP_JS", "app.js", "app", "js", "text/javascript; charset=utf-8"),
    ("HTMX_JS", "vendor/htmx-4.0.1.min.js", "htmx", "js", "text/javascript; charset=utf-8"),
    ("ICONS", "icons.svg", "icons", "svg", "image/svg+xml"),
    ("FAVICON", "icon.svg", "icon", "svg", "image/svg+xml"),
];
/// Letters of the hash in a name.
const HASH: usize = 12;
/// The tightest that brotli packs.
const QUALITY: i32 = 11;
/// The largest window that every decoder takes.
const WINDOW: i32 = 22;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let source = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("assets");
    let out = PathBuf::from(variable("OUT_DIR"));
    let mut constants = String::new();
    let mut table = format!("static ASSETS: [Asset; {}] = [\n", ASSETS.len());
    for (constant, file, stem, extension, media_type) in ASSETS {
        let path = source.join(file);
        println!("cargo::rerun-if-changed={}", path.display());
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let bytes = if file == "app.js" { without_comments(&bytes) } else { bytes };
        let hash = &blake3::hash(&bytes).to_hex()[..HASH];
        // Beside the table, which names them without a folder.
        let (plain, packed) = (format!("{constant}.plain"), format!("{constant}.br"));
        fs::write(out.join(&plain), &bytes).expect("OUT_DIR can be written");
        pack(&bytes, &out.join(&packed));
        let served = format!("/assets/{stem}.{hash}.{extension}");
        writeln!(constants, "/// Where pages find `{file}`.\npub const {constant}: &str = {served:?};")
            .expect("a String");
        writeln!(
            table,
            "    Asset {{ stem: {stem:?}, hash: {hash:?}, extension: {extension:?}, media_type: {media_type:?}, \
             plain: include_bytes!({plain:?}), brotli: include_bytes!({packed:?}) }},",
        )
        .expect("a String");
    }
    table.push_str("];\n");
    fs::write(out.join("assets.rs"), constants + &table).expect("OUT_DIR can be written");
}

/// A script without the lines that are only a comment: they are for us, and a third of what would be sent.
fn without_comments(script: &[u8]) -> Vec<u8> {
    let lines = script.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| !line.trim_ascii_start().starts_with(b"//")).flatten().copied().collect()
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

fn pack(bytes: &[u8], to: &Path) {
    let params = brotli::enc::BrotliEncoderParams { quality: QUALITY, lgwin: WINDOW, ..Default::default() };
    let mut packed = brotli::CompressorWriter::with_params(Vec::new(), 4096, &params);
    packed.write_all(bytes).expect("a Vec");
    fs::write(to, packed.into_inner()).expect("OUT_DIR can be written");
}
