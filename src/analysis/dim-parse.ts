/**
 * Reads dims that a file declares as text. Exporters write formulas (`past_sequence_length + 1`, `batch*4`) where
 * ONNX only knows names; read as formulas, they move with the symbols they are made of.
 */
import { add, floorDiv, mul, sub, symbol } from './dim-algebra.ts';
import type { Dim } from './types.ts';

/** Deeper nesting than this is not a formula someone wrote. */
const maxDepth = 32;

/**
 * `text` as a formula of `+ - * //`, parentheses, numbers and names for which `isSymbol` holds; a single symbol
 * named `text` where it is not one (also `batch-size`, whose parts are no symbols).
 */
export function parseDim(text: string, isSymbol: (name: string) => boolean): Dim {
  if (isSymbol(text) || isIdentifier(text)) return symbol(text);
  const tokens = text.match(/\/\/|[-+*()]|[\p{L}_][\p{L}\p{N}_.]*|\d+|\S/gu) ?? [];
  if (tokens.some((t) => /^[\p{L}_]/u.test(t) && !isSymbol(t))) return symbol(text);
  const parser = new FormulaParser(tokens);
  return parser.parse() ?? symbol(text);
}

/** A name that can stand in a formula. */
export function isIdentifier(text: string): boolean {
  return /^[\p{L}_][\p{L}\p{N}_.]*$/u.test(text);
}

class FormulaParser {
  private at = 0;
  private readonly tokens: readonly string[];

  constructor(tokens: readonly string[]) {
    this.tokens = tokens;
  }

  parse(): Dim | undefined {
    const sum = this.sum(0);
    return this.at === this.tokens.length ? sum : undefined;
  }

  private sum(depth: number): Dim | undefined {
    let left = this.product(depth);
    for (
      let op = this.tokens[this.at];
      left !== undefined && (op === '+' || op === '-');
      op = this.tokens[this.at]
    ) {
      this.at++;
      const right = this.product(depth);
      if (right === undefined) return undefined;
      left = op === '+' ? add(left, right) : sub(left, right);
    }
    return left;
  }

  private product(depth: number): Dim | undefined {
    let left = this.atom(depth);
    for (
      let op = this.tokens[this.at];
      left !== undefined && (op === '*' || op === '//');
      op = this.tokens[this.at]
    ) {
      this.at++;
      const right = this.atom(depth);
      if (right === undefined) return undefined;
      left = op === '*' ? mul(left, right) : floorDiv(left, right);
    }
    return left;
  }

  private atom(depth: number): Dim | undefined {
    const token = this.tokens[this.at++];
    if (token === undefined || depth > maxDepth) return undefined;
    if (/^\d+$/.test(token)) return Number(token);
    if (/^[\p{L}_]/u.test(token)) return symbol(token);
    if (token !== '(') return undefined;
    const inner = this.sum(depth + 1);
    return this.tokens[this.at++] === ')' ? inner : undefined;
  }
}
