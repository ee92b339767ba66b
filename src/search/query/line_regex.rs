//! Regexes that cannot leave their line.
//!
//! The scanner shows a regex a whole block of lines joined by newlines, because starting the engine
//! once per line costs more than the search. The result must be the same as line by line. So the
//! syntax tree is rewritten: `\n` is taken out of every class, text anchors become line anchors,
//! and a literal newline can never match. (The idea is ripgrep's.)

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ast::{self, Ast};
use regex_syntax::hir::translate::TranslatorBuilder;
use regex_syntax::hir::{
    Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look,
};

use super::pattern::RegexCase;

/// Parentheses in parentheses. Deeper ones are not written by people.
const NEST_LIMIT: u32 = 100;

/// What is wrong inside a pattern.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) len: usize,
    pub(crate) reason: String,
}

/// Compiles the text between the slashes.
pub(super) fn compile(source: &str, case: RegexCase) -> Result<Regex, Fault> {
    let fault = |kind: &dyn ToString, span: &ast::Span| Fault {
        at: span.start.offset,
        len: span.end.offset.saturating_sub(span.start.offset),
        reason: kind.to_string(),
    };
    let tree = ast::parse::ParserBuilder::new().nest_limit(NEST_LIMIT).build().parse(source);
    let tree = tree.map_err(|e| fault(e.kind(), e.span()))?;
    let insensitive = match case {
        RegexCase::Smart => !has_uppercase(&tree),
        RegexCase::Insensitive => true,
        RegexCase::Sensitive => false,
    };
    let hir = TranslatorBuilder::new()
        .case_insensitive(insensitive)
        .utf8(false)
        .build()
        .translate(source, &tree)
        .map_err(|e| fault(e.kind(), e.span()))?;
    RegexBuilder::new(&within_line(hir).to_string())
        // The printed tree groups more than the typed one.
        .nest_limit(NEST_LIMIT * 10)
        .build()
        .map_err(|e| too_big(&e, source.len()))
}

/// The only fault left once the syntax is right.
pub(super) fn too_big(error: &regex::Error, len: usize) -> Fault {
    let reason = match error {
        regex::Error::CompiledTooBig(limit) => {
            format!("this is too big: it compiles to more than {} MiB", limit >> 20)
        }
        other => other.to_string().lines().last().unwrap_or("cannot be compiled").to_owned(),
    };
    Fault { at: 0, len, reason }
}

fn within_line(hir: Hir) -> Hir {
    match hir.into_kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) if literal.0.contains(&b'\n') => Hir::fail(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(Class::Unicode(mut class)) => {
            class.difference(&ClassUnicode::new([ClassUnicodeRange::new('\n', '\n')]));
            Hir::class(Class::Unicode(class))
        }
        HirKind::Class(Class::Bytes(mut class)) => {
            class.difference(&ClassBytes::new([ClassBytesRange::new(b'\n', b'\n')]));
            Hir::class(Class::Bytes(class))
        }
        HirKind::Look(Look::Start | Look::StartCRLF) => Hir::look(Look::StartLF),
        HirKind::Look(Look::End | Look::EndCRLF) => Hir::look(Look::EndLF),
        HirKind::Look(look) => Hir::look(look),
        HirKind::Repetition(mut repetition) => {
            repetition.sub = Box::new(within_line(*repetition.sub));
            Hir::repetition(repetition)
        }
        HirKind::Capture(capture) => within_line(*capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(within_line).collect()),
        HirKind::Alternation(parts) => {
            Hir::alternation(parts.into_iter().map(within_line).collect())
        }
    }
}

/// Whether a letter of the pattern itself, not of an escape such as `\W`, is upper-case.
fn has_uppercase(tree: &Ast) -> bool {
    struct Uppercase(bool);
    impl ast::Visitor for Uppercase {
        type Output = bool;
        type Err = std::convert::Infallible;

        fn finish(self) -> Result<bool, Self::Err> {
            Ok(self.0)
        }

        fn visit_pre(&mut self, node: &Ast) -> Result<(), Self::Err> {
            if let Ast::Literal(literal) = node {
                self.0 |= literal.c.is_uppercase();
            }
            Ok(())
        }

        fn visit_class_set_item_pre(&mut self, item: &ast::ClassSetItem) -> Result<(), Self::Err> {
            match item {
                ast::ClassSetItem::Literal(literal) => self.0 |= literal.c.is_uppercase(),
                ast::ClassSetItem::Range(range) => {
                    self.0 |= range.start.c.is_uppercase() || range.end.c.is_uppercase();
                }
                _ => {}
            }
            Ok(())
        }
    }
    let Ok(found) = ast::visit(tree, Uppercase(false));
    found
}
