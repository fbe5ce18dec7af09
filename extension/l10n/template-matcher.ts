/**
 * Finds the template that a message was made from: `cannot read the file: {0}` of "cannot read the file: the disk is
 * full". Of several that fit, the one with the most words of its own.
 */
export interface Match {
  readonly template: string;
  /** What stood for `{0}`, `{1}`, … */
  readonly values: readonly string[];
}

export function templateMatcher(templates: readonly string[]): (message: string) => Match | undefined {
  const plain = new Set(templates.filter((t) => !placeholder.test(t)));
  const patterns = templates
    .filter((t) => placeholder.test(t))
    .map((template) => ({ template, regex: shapeOf(template), own: ownLength(template) }))
    .sort((a, b) => b.own - a.own);
  return (message) => {
    if (plain.has(message)) return { template: message, values: [] };
    for (const { template, regex } of patterns) {
      const found = regex.exec(message);
      if (found !== null) return { template, values: found.slice(1) };
    }
    return undefined;
  };
}

const placeholder = /\{\d+\}/;

function ownLength(template: string): number {
  return template.replaceAll(/\{\d+\}/g, '').length;
}

/** `a {0} b` → /^a (.+?) b$/ */
function shapeOf(template: string): RegExp {
  const parts = template.split(placeholder).map((p) => p.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('(.+?)')}$`, 's');
}
