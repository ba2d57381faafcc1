/** Retries that each request pays for, and that a second does, so that the first few requests have some too. */
const [PER_REQUEST, PER_SECOND] = [0.1, 1];
/** Retries that can be saved up. */
const MOST = 20;

/** Keeps retries a tenth of the requests, whatever fails: retries that grow with the failures keep a server down. */
export class RetryBudget {
  #saved = MOST / 2;
  #filledAt = performance.now();

  /** A request is made. */
  deposit(): void {
    this.#save(PER_REQUEST);
  }

  /** False: the budget is spent, and the failure stands. */
  withdraw(): boolean {
    this.#save(0);
    if (this.#saved < 1) return false;
    this.#saved--;
    return true;
  }

  #save(more: number): void {
    const now = performance.now();
    const paid = ((now - this.#filledAt) / 1000) * PER_SECOND;
    this.#filledAt = now;
    this.#saved = Math.min(MOST, this.#saved + paid + more);
  }
}
