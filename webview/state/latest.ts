/**
 * Keeps a control that changes at every key press from flooding the host: while one call runs, only the newest
 * request waits, and an answer that a newer request has made stale is not shown.
 *
 * ```ts
 * const ask = latest((dims) => host().setDims(dims), show, complain);
 * ask({ batch: 1 }); ask({ batch: 12 }); ask({ batch: 128 });   // runs 1 and 128, shows 128
 * ```
 */
export function latest<Request, Answer>(
  run: (request: Request) => Promise<Answer>,
  onAnswer: (answer: Answer, request: Request) => void,
  onError: (error: unknown, request: Request) => void,
): (request: Request) => void {
  let waiting: { readonly request: Request } | undefined;
  let isRunning = false;

  const drain = async (): Promise<void> => {
    isRunning = true;
    while (waiting !== undefined) {
      const { request } = waiting;
      waiting = undefined;
      try {
        const answer = await run(request);
        if (isLast()) onAnswer(answer, request);
      } catch (error) {
        if (isLast()) onError(error, request);
      }
    }
    isRunning = false;
  };
  // A function, since the compiler takes `waiting` for unchanged across an await.
  const isLast = (): boolean => waiting === undefined;

  return (request) => {
    waiting = { request };
    if (!isRunning) void drain();
  };
}
