/** Lays out a graph level by level, the innermost first: an open group is a box as large as what it holds. */
import { layoutLevel, type LevelInput, type LevelLayout, type Size } from './layout-level.ts';

export interface LayoutPart extends Size {
  readonly key: string;
  /** What it holds, where it is open; then its own size is that of its contents. */
  readonly open?: LayoutContents | undefined;
}

export interface LayoutContents extends Omit<LevelInput, 'sizes'> {
  readonly children: readonly LayoutPart[];
}

/** Layout of the contents of every open part, by its key. */
export type Layout = ReadonlyMap<string, LevelLayout>;

/** Room around the contents of an open group; the header holds its name. */
export const frame = { side: 12, top: 30, bottom: 12 } as const;

export function outerSize({ width, height }: Size): Size {
  return { width: width + 2 * frame.side, height: height + frame.top + frame.bottom };
}

/**
 * Layouts of levels of the same form: the layers of a deep model are mostly alike, and what a person did not open or
 * close stays as it was.
 */
export class LevelCache {
  readonly #known = new Map<string, LevelLayout>();
  /** A level of a hundred members takes some 20 KB. */
  static readonly most = 2000;

  layout(input: LevelInput): LevelLayout {
    const key = JSON.stringify(input);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = layoutLevel(input);
    if (this.#known.size >= LevelCache.most) this.#known.clear();
    this.#known.set(key, made);
    return made;
  }
}

export function layoutTree(root: LayoutPart, cache: LevelCache): Layout {
  const found = new Map<string, LevelLayout>();
  const sizeOf = ({ key, width, height, open }: LayoutPart): Size => {
    if (open === undefined) return { width, height };
    const { children, edges, takers, givers } = open;
    const level = cache.layout({ sizes: children.map(sizeOf), edges, takers, givers });
    found.set(key, level);
    return outerSize(level);
  };
  sizeOf(root);
  return found;
}
