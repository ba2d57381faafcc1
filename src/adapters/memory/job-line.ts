import type { GenerationJob } from '../../ports/generations.ts';

/** First in, first out, at a cost per job that does not grow with the line. */
export class JobLine {
  #jobs: GenerationJob[] = [];
  #head = 0;
  /** Put back, last first: they go before all others. */
  #returned: GenerationJob[] = [];

  get length(): number {
    return this.#jobs.length - this.#head + this.#returned.length;
  }

  push(job: GenerationJob): void {
    this.#jobs.push(job);
  }

  putBack(job: GenerationJob): void {
    this.#returned.push(job);
  }

  shift(): GenerationJob | undefined {
    const returned = this.#returned.pop();
    if (returned) return returned;
    const job = this.#jobs[this.#head];
    if (job) this.#head++;
    if (this.#head > 1000 && this.#head * 2 > this.#jobs.length) {
      this.#jobs = this.#jobs.slice(this.#head);
      this.#head = 0;
    }
    return job;
  }

  clear(): void {
    this.#jobs = [];
    this.#head = 0;
    this.#returned = [];
  }
}
