/** Colours of the theme for canvases, which know no CSS variables. */

/** What a CSS colour (variables and `color-mix` among it) is in the page now. */
export function resolveColour(css: string): string {
  const probe = document.createElement('span');
  probe.style.color = css;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

/** A colour of a custom property laid over the editor's background at a share of 1. */
export function tint(property: string, share: number): string {
  return resolveColour(`color-mix(in srgb, var(${property}) ${share * 100}%, var(--surface))`);
}
