/** What a command writes to stdout: lines for people, or JSON for programs. */

export function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** JSON has no infinities: they are written as "inf" and "-inf" (an SQNR of identical outputs). */
export function printJson(value: unknown): void {
  const finite = (_key: string, v: unknown) => (v === Infinity ? 'inf' : v === -Infinity ? '-inf' : v);
  process.stdout.write(`${JSON.stringify(value, finite, 2)}\n`);
}
