//! Makes new inputs of old ones: some bytes changed, cut, repeated, or two inputs joined.

use crate::simulation::dice::Dice;

/// Longest input: beyond it nothing new happens, only slowly.
const BYTES_MAX: usize = 8 * 1024;

/// Pieces that readers are sensitive to.
const PIECES: [&[u8]; 44] = [
    b"%",
    b"%zz",
    b"%00",
    b"%e3%80%80",
    b"+",
    b"&",
    b"=",
    b"&&&&&&&&&&&&&&&&&&",
    b";",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\\udc00\\ud800",
    b"{",
    b"}",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"{\"a\":{\"a\":{\"a\":{\"a\":",
    b",",
    b":",
    b"null",
    b"true",
    b"-1",
    b"0",
    b"1e999999",
    b"1E+3",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"18446744073709551616",
    b"0.0005",
    b"\0",
    b"\xff",
    b"\xc0\x80",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\r\n",
    b"\n",
    b"--",
    b"--x--\r\n",
    b"userPhoneNum",
    b"chargePrice",
    b"prodId",
    b"15200008881",
    b"pid_0001",
];

/// A change of one of the inputs.
pub(super) fn changed(inputs: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut input = pick(inputs, dice).clone();
    for _ in 0..=dice.below(5) {
        change(&mut input, inputs, dice);
    }
    input.truncate(BYTES_MAX);
    input
}

fn pick<'a>(inputs: &'a [Vec<u8>], dice: &mut Dice) -> &'a Vec<u8> {
    &inputs[place(inputs.len() - 1, dice)]
}

/// From 0 to `last`.
fn place(last: usize, dice: &mut Dice) -> usize {
    usize::try_from(dice.below(last as u64 + 1)).unwrap()
}

fn change(input: &mut Vec<u8>, inputs: &[Vec<u8>], dice: &mut Dice) {
    let from = place(input.len(), dice);
    let to = from + place((input.len() - from).min(24), dice);
    let insert = |input: &mut Vec<u8>, bytes: &[u8]| drop(input.splice(from..from, bytes.to_vec()));
    match dice.below(8) {
        0 if from < input.len() => input[from] ^= 1 << dice.below(8),
        1 if from < input.len() => input[from] = dice.next().to_le_bytes()[0],
        2 => drop(input.drain(from..to)),
        3 => insert(input, &input[from..to].repeat(place(40, dice))),
        4 => input.truncate(from),
        5 => {
            let other = pick(inputs, dice);
            let tail = place(other.len(), dice);
            input.truncate(from);
            input.extend_from_slice(&other[tail..]);
        }
        _ => insert(input, PIECES[place(PIECES.len() - 1, dice)]),
    }
}
