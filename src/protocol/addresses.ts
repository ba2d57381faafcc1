/** Where an answer is read, by its id. */
export const streamEndpoint = (id: string): string => `/stream/${id}`;
export const checkEndpoint = (id: string): string => `/check-response/${id}`;
