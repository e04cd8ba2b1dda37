//! Writes the vocabularies of the OpenAI encodings as one file each: every token's length and bytes, in order of rank.

use std::path::Path;
use std::{env, error, fs};

use bpe_openai::Tokenizer;

fn main() -> Result<(), Box<dyn error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = env::var("OUT_DIR")?;
    let encodings: [(&str, &Tokenizer); 2] =
        [("cl100k_base", bpe_openai::cl100k_base()), ("o200k_base", bpe_openai::o200k_base())];
    for (name, encoding) in encodings {
        let mut data = Vec::new();
        for id in 0..u32::try_from(encoding.bpe.num_tokens())? {
            let token = encoding.bpe.token_bytes(id);
            data.push(u8::try_from(token.len())?);
            data.extend_from_slice(token);
        }
        fs::write(Path::new(&folder).join(format!("{name}.ranks")), data)?;
    }
    Ok(())
}
