//! Those that a log viewer finds hard: a game on a terminal, and chat in many scripts.

use super::{Said, out};
use crate::sim::demo::dice::Dice;

pub(super) fn game_hello() -> Vec<Said> {
    vec![
        out("\x1b[1;36m╔══════════════════════════╗\x1b[0m"),
        out("\x1b[1;36m║  The Cellar of Sockets   ║\x1b[0m"),
        out("\x1b[1;36m╚══════════════════════════╝\x1b[0m"),
    ]
}

pub(super) fn game(dice: &mut Dice) -> Vec<Said> {
    let hearts = dice.between(1, 8);
    let full = "♥".repeat(usize::try_from(hearts).unwrap_or(0));
    let beast = dice.pick(&["a grue", "the Daemon", "ein Werwolf", "un dragón", "竜", "кощей"]);
    let thing = dice.pick(&["a brass lantern", "a rusty pipe", "an old core dump", "a fork"]);
    vec![match dice.between(0, 7) {
        0 => out(format!("\x1b[31m{full:·<8}\x1b[0m  {beast} strikes! you lose a heart")),
        1 => out(format!("\x1b[31m{full:·<8}\x1b[0m  you drink the potion")),
        2 => out(format!("\x1b[33myou find {thing}\x1b[0m")),
        3 => out("\x1b[2mit is dark; you are likely to be eaten\x1b[0m"),
        4 => out(format!("\x1b[1;35m{beast}\x1b[0m says: \x1b[3mwho reads my log?\x1b[0m")),
        5 => {
            let way = dice.pick(&["north", "south", "down the drain"]);
            out(format!("> go {way}"))
        }
        6 => {
            let map: String = (0..16).map(|_| dice.pick(&["·", "·", "·", "#", "~", "♣"])).collect();
            out(format!("\x1b[32m{map}\x1b[0m @ \x1b[34m~~~\x1b[0m"))
        }
        _ => out(format!("loading level {}\rlevel loaded, 60 fps", dice.between(1, 12))),
    }]
}

const SENTENCES: &[&str] = &[
    "ご注文ありがとうございます、明日届きます",
    "Wo bleibt meine Teekanne? Größe L, bestellt am Dienstag",
    "¿dónde está mi pedido? ya pasaron tres días",
    "спасибо, всё работает",
    "배송이 언제 도착하나요?",
    "मेरा ऑर्डर कहाँ है?",
    "مرحبا، أين طلبي؟",
    "le café est arrivé, merci beaucoup 🎉",
    "ευχαριστώ πολύ",
    "naïve coöperation, e\u{301}te\u{301}, 👩‍👩‍👧 family of one cell or two",
    "obrigado! chegou tudo certinho",
    "hvor er min ordre? jeg venter på Ærø",
];

pub(super) fn chat(dice: &mut Dice) -> Vec<Said> {
    let room = dice.pick(&["lobby", "帮助", "support-de", "casa"]);
    let who = dice.pick(&["yuki", "ana", "мила", "jürgen", "amina", "min-jun"]);
    match dice.between(0, 14) {
        0 => vec![out(format!("WARN #{room} {who} is rate limited for 10 s"))],
        1 => vec![out(format!("INFO #{room} {who} joined"))],
        _ => {
            let sentence = dice.pick(SENTENCES);
            vec![out(format!("INFO #{room} <{who}> {sentence}"))]
        }
    }
}
