/** Owns what it started or listens to, and ends all of it together. */

/** Something to be ended: what VS Code gives, or anything of ours. */
export interface Disposable {
  dispose(): unknown;
}

export class Owner implements Disposable {
  readonly #owned: Disposable[] = [];
  #isDisposed = false;

  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  /** Ends it with this owner; at once where this owner has ended. */
  own<T extends Disposable>(thing: T): T {
    if (this.#isDisposed) thing.dispose();
    else this.#owned.push(thing);
    return thing;
  }

  dispose(): void {
    this.#isDisposed = true;
    // last made first: what came later may use what came before
    for (const thing of this.#owned.splice(0).reverse()) thing.dispose();
  }
}
