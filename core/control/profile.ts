export interface Profile {
  sink: string;
}
